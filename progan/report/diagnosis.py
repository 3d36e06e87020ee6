"""What may have gone wrong in a run, looked for in its losses and measurements: numbers, limits, a sentence each."""

from collections.abc import Sequence
from dataclasses import dataclass

from progan.report.balance import balance
from progan.report.finding import Finding, Limits, Question
from progan.report.headline import SLIP, Headline
from progan.report.memorisation import memorisation
from progan.report.records import RunRecord
from progan.report.variety import variety
from progan.report.wording import kimg, number

# A last value worse than the best by so much of it: SLIP is more than the noise of one seed, half is another network.
SLIPPED = Limits(watch=SLIP, bad=0.5)
# The last value over that of the untrained generator: at 1 nothing has been learnt.
LEARNT = Limits(watch=0.9, bad=1.0)
LEARNING = Question("nothing learnt", "Progress", "last ÷ untrained")
SLIPPING = Question("slip", "Slip from the best", "worse than the best, as a share of it")


@dataclass(frozen=True)
class Diagnosis:
    """All that was looked for."""

    verdict: str  # in words
    findings: tuple[Finding, ...]  # causes before what follows from them

    @property
    def failures(self) -> tuple[str, ...]:
        """What is bad, causes first: where the game itself fails, variety is lost with it and nothing is learnt."""
        return tuple(dict.fromkeys(one.failure for one in self.findings if one.state == "bad"))


def diagnose(record: RunRecord, found: Sequence[Headline]) -> Diagnosis:
    """Look for every failure known here; what cannot be told is said to be so. found: the headlines of `record`."""
    trained = {one.family: one for one in found if one.trained}
    game, varied = balance(record.ticks), variety(trained)
    rest = [memorisation(record.neighbours), _learning(found), _slip(found)]
    enough = all(any(one.value is not None for one in some) for some in (varied, [*game, *rest]))
    findings = (*game, *varied, *rest)
    return Diagnosis(_verdict(findings, enough), findings)


def _verdict(findings: Sequence[Finding], enough: bool) -> str:
    wrong = [one for state in ("bad", "watch") for one in findings if one.state == state]
    missing = ", ".join(one.name.lower() for one in findings if one.state == "not measured")
    unknown = f" Not measured: {missing}." if missing else ""
    if any(one.state == "bad" for one in wrong):
        return f"Something is wrong. {_sentences(wrong)}{unknown}"
    if wrong:
        return f"Worth watching. {_sentences(wrong)}{unknown}"
    if not enough:
        return f"Not enough has been measured to tell whether the training is healthy.{unknown}"
    return f"Nothing that was measured points to a failure.{unknown}"


def _sentences(findings: Sequence[Finding]) -> str:
    return " ".join(one.sentence for one in findings)


def _learning(found: Sequence[Headline]) -> Finding:
    # Nearly all bins differ for long: their share hardly tells an early generator from an untrained one.
    distances = [one for one in found if one.better == "lower" and one.family != "ndb"]
    one = next((one for one in distances if one.trained and one.untrained_to_last), None)
    if one is None or one.untrained is None:
        return LEARNING.unmeasured(
            "The untrained generator was not measured as the last one was: progan evaluate RUN METRIC --due does it."
        )
    value = one.last.value / one.untrained.value
    state = LEARNT.judge(value)
    said = f"{one.metric} went from {number(one.untrained.value)} untrained to {number(one.last.value)}"
    hardly = "" if state == "fine" else ": hardly any better; train longer, or with other learning rates"
    return LEARNING.answer(value, LEARNT, state, f"{said}{hardly}.")


def _slip(found: Sequence[Headline]) -> Finding:
    slips = [(one.slip, one) for one in found if one.slip is not None and len(one.alike) > 1]
    if not slips:
        return SLIPPING.unmeasured(
            "It takes two trained measurements of a metric at the last resolution: progan evaluate RUN --all."
        )
    value, one = max(slips, key=lambda slip: slip[0])
    state = SLIPPED.judge(value)
    if state == "fine" or one.best is None:
        return SLIPPING.answer(value, SLIPPED, state, "Every metric is at its best or near it.")
    best = f"{one.metric} was {number(one.best.value)} at {kimg(one.best.images_seen)} kimg"
    sentence = f"{best} and is {number(one.last.value)} now: prefer the snapshot of that moment."
    return SLIPPING.answer(value, SLIPPED, state, sentence)

"""What may have gone wrong in a run, looked for in its losses and measurements: numbers, limits, a sentence each."""

from collections.abc import Sequence
from dataclasses import dataclass

from progan.metrics import example_of
from progan.report.balance import balance
from progan.report.finding import Finding, Limits, State, unmeasured
from progan.report.headline import SLIP, Headline
from progan.report.records import Neighbours, RunRecord
from progan.report.wording import kimg, number

# The spread of generated images over that of real ones: 1 where they vary alike. A generator that trades variety for
# quality loses a fifth; one that draws the same few images over and over, most of it.
SPREAD = Limits(watch=0.7, bad=0.4)
# How far MS-SSIM has come from that of real pairs (0) to that of equal images (1). In the middle of a healthy training
# it reaches 0.2, since what is not yet drawn cannot differ.
SIMILARITY = Limits(watch=0.25, bad=0.5)
# Share of bins, beyond that of real images, whose occupation differs. Bins differ easily, and half of them do with a
# mediocre generator; only nearly all of them mean that parts of the data are missing.
BINS = Limits(watch=0.75, bad=0.9)
# A last value worse than the best by so much of it: SLIP is more than the noise of one seed, half is another network.
SLIPPED = Limits(watch=SLIP, bad=0.5)
# The last value over that of the untrained generator: at 1 nothing has been learnt.
LEARNT = Limits(watch=0.9, bad=1.0)
# What the search for nearest neighbours can find, the worst first. Blurred images are near many real ones and copies of
# none, so being near is no failure.
MEMORISATION: dict[str, tuple[State, str]] = {
    "copies": ("bad", "generated images are copies: far nearer to one training image than real images are to another"),
    "near": ("fine", "generated images are near many training images, as blurred ones are, and copies of none"),
    "distinct": ("fine", "generated images are no nearer to training images than these are to one another"),
}


@dataclass(frozen=True)
class Diagnosis:
    """All that was looked for."""

    verdict: str  # in words
    findings: tuple[Finding, ...]


def diagnose(record: RunRecord, found: Sequence[Headline]) -> Diagnosis:
    """Look for every failure known here; what cannot be told is said to be so."""
    trained = {one.family: one for one in found if one.trained}
    variety = [_spread(trained.get("spread")), _similarity(trained.get("msssim")), _bins(trained.get("ndb"))]
    rest = [*balance(record.ticks), _memorisation(record.neighbours), _learning(found), _slip(found)]
    findings = (*variety, *rest)
    enough = any(one.value is not None for one in variety) and any(one.value is not None for one in rest)
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


def _spread(one: Headline | None) -> Finding:
    name, measure = "Variety by spread", "spread ÷ real images' spread"
    if one is None or one.last_to_floor is None:
        return _unasked(name, measure, "spread")
    value = one.last_to_floor
    less = "" if (state := SPREAD.judge(value)) == "fine" else ": many of them are nearly the same image"
    said = f"Generated images spread over {value:.0%} of what real images do{less}."
    return Finding(name, measure, value, SPREAD, state, said)


def _similarity(one: Headline | None) -> Finding:
    name, measure = "Variety by pairs", "MS-SSIM, from real pairs (0) to equal images (1)"
    if one is None or one.floor is None or one.floor >= 1:
        return _unasked(name, measure, "msssim")
    value = (one.last.value - one.floor) / (1 - one.floor)
    scores = f"MS-SSIM of generated pairs is {number(one.last.value)}, of real pairs {number(one.floor)}"
    alike = "" if (state := SIMILARITY.judge(value)) == "fine" else ": generated images resemble each other"
    return Finding(name, measure, value, SIMILARITY, state, f"{scores}{alike}.")


def _bins(one: Headline | None) -> Finding:
    name, measure = "Variety by bins", "share of differing bins, less that of real images"
    if one is None or one.floor is None:
        return _unasked(name, measure, "ndb")
    value = one.last.value - one.floor
    shares = f"{one.last.value:.0%} of the bins hold another share of generated than of real images"
    missing = "" if (state := BINS.judge(value)) == "fine" else ": whole kinds of images are missing or overdrawn"
    return Finding(name, measure, value, BINS, state, f"{shares} ({one.floor:.0%} between real images){missing}.")


def _unasked(name: str, measure: str, family: str) -> Finding:
    asked = f"progan evaluate RUN {example_of(family)}"
    return unmeasured(name, measure, f"Not measured against real images: {asked}, or with a smaller count, does it.")


def _memorisation(neighbours: Neighbours | None) -> Finding:
    name, measure = "Memorisation", "share of training images nearer to another one than generated images, in percent"
    facts = {} if neighbours is None else neighbours.facts
    verdicts = {str(one.get("verdict")): space for space, one in facts.items()}
    worst = next((verdict for verdict in MEMORISATION if verdict in verdicts), None)
    if worst is None:
        return unmeasured(name, measure, "Not measured: progan neighbours RUN does it.")
    state, sentence = MEMORISATION[worst]
    percentile = facts[verdicts[worst]].get("percentile")
    value = float(percentile) if isinstance(percentile, int | float) else None
    return Finding(name, measure, value, None, state, f"By {verdicts[worst]} {sentence}.")


def _learning(found: Sequence[Headline]) -> Finding:
    name, measure = "Progress", "last ÷ untrained"
    one = next((one for one in found if one.better == "lower" and one.trained and one.untrained_to_last), None)
    if one is None or one.untrained is None:
        return unmeasured(name, measure, "The untrained generator was not measured as the last one was.")
    value = one.last.value / one.untrained.value
    state = LEARNT.judge(value)
    said = f"{one.metric} went from {number(one.untrained.value)} untrained to {number(one.last.value)}"
    return Finding(name, measure, value, LEARNT, state, f"{said}{'' if state == 'fine' else ': hardly any better'}.")


def _slip(found: Sequence[Headline]) -> Finding:
    name, measure = "Slip from the best", "worse than the best, as a share of it"
    slips = [(one.slip, one) for one in found if one.slip is not None and len(one.alike) > 1]
    if not slips:
        return unmeasured(name, measure, "It takes two trained measurements of one metric at the last resolution.")
    value, one = max(slips, key=lambda slip: slip[0])
    state = SLIPPED.judge(value)
    if state == "fine" or one.best is None:
        return Finding(name, measure, value, SLIPPED, state, "Every metric is at its best or near it.")
    best = f"{one.metric} was {number(one.best.value)} at {kimg(one.best.images_seen)} kimg"
    sentence = f"{best} and is {number(one.last.value)} now: prefer the snapshot of that moment."
    return Finding(name, measure, value, SLIPPED, state, sentence)

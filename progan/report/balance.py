"""The game of the two players, as their losses tell it. Terms are known by their names in stats.jsonl."""

from collections.abc import Sequence
from statistics import median

from progan.report.curves import Point, smoothed
from progan.report.finding import Finding, Limits, Question
from progan.report.records import TickRecord
from progan.report.wording import number

# What is said of runs below was measured on healthy ones and on those of configs/failures: benchmarks/diagnosis.md.
# A logistic discriminator that cannot tell real from generated has 2 log 2 = 1.39, one sure of both 0. Healthy games
# ended between 0.7 and 1.3, one with a discriminator too strong at 0.00001.
LOGISTIC_LOSS = Limits(watch=0.2, bad=0.1)
GROWN = 1.25  # the generator's loss against that of earlier: from here on the discriminator is leaving it behind
# Losses of healthy games ended at 0.9 to 2.3 times what they should be, those of an oscillating one at 4, those of one
# that does not converge at 1750.
GROWTH = Limits(watch=10.0, bad=50.0)
SMALLEST_LEVEL = 1.0  # below it the size of a loss is noise about zero, and no ratio is taken with it
# Turns of the generator's loss by more than SWING of its level, in the ticks looked at: healthy games had 0, those that
# failed otherwise up to 2, but 7 where the losses ran away; oscillating ones 8 and 12.
SWINGS = Limits(watch=5.0, bad=8.0)
SWING = 0.5
FEWEST = 6  # ticks for a statement about levels
FEWEST_TO_SWING = 24  # ticks at full fade of one resolution
LOOKED_AT = 128  # of these, the last ones: a long run is not blamed for what is over
RECENT = 0.1  # of all ticks, but not fewer than half of FEWEST
LOGISTIC, MINIMAX, WASSERSTEIN = (
    "logistic",
    "minimax",
    "wasserstein",
)  # names of the terms in which the players oppose each other
OVERPOWERING = Question(
    "discriminator too strong", "Balance of the players", "discriminator's logistic loss, recent median"
)
DIVERGENCE = Question("non-convergence", "Growth of the losses", "size of a loss, recent ÷ what it should be")
OSCILLATION = Question(
    "oscillation", "Steadiness of the generator's loss", f"swings by more than {SWING:.0%} of its level"
)


def balance(ticks: Sequence[TickRecord]) -> list[Finding]:
    """What the losses say; `ticks` in the order of images seen."""
    return [_growth(ticks), _overpowering(ticks), _oscillation(ticks)]


def _overpowering(ticks: Sequence[TickRecord]) -> Finding:
    losses, minimax = _term(ticks, f"discriminator/{LOGISTIC}"), _term(ticks, f"generator/{MINIMAX}")
    answers = minimax or _term(ticks, f"generator/{LOGISTIC}")
    if not losses and _term(ticks, f"discriminator/{WASSERSTEIN}"):
        return OVERPOWERING.unmeasured("A Wasserstein critic's loss is a distance: no value of it shows a winner.")
    if len(losses) < FEWEST or len(answers) < FEWEST:
        return OVERPOWERING.unmeasured(f"It takes {FEWEST} ticks with logistic losses of both players.")
    value, (behind, answer) = _level(_recent(losses)), _answer(answers, bool(minimax))
    state = LOGISTIC_LOSS.judge(value)
    if state == "bad" and not behind:
        state = "watch"
    said = f"The discriminator's logistic loss is {number(value)} (1.39: it cannot tell, 0: it is sure)"
    remedy = "" if state == "fine" else ": the generator learns little; lower the discriminator's learning rate"
    return OVERPOWERING.answer(value, LOGISTIC_LOSS, state, f"{said}, and {answer}{remedy}.")


def _answer(losses: Sequence[Point], minimax: bool) -> tuple[bool, str]:
    """Whether the generator falls behind a discriminator that is sure, and its loss in words."""
    if minimax:  # the surer the discriminator, the smaller its gradient
        return True, f"the generator's minimax loss is {number(-_level(_recent(losses)))} (near 0 it has no gradient)"
    growth = _level(_recent(losses)) / max(_level(_earlier(losses)), 1e-9)
    return growth >= GROWN, f"the generator's stands at {number(growth)} times its earlier level"


def _growth(ticks: Sequence[TickRecord]) -> Finding:
    terms = [f"{player}/{term}" for player in ("discriminator", "generator") for term in (LOGISTIC, WASSERSTEIN)]
    here = [tick for tick in ticks if tick.resolution == ticks[-1].resolution]
    series = {term: _term(here, term) for term in terms}
    ratios = {term: _growth_of(term, points) for term, points in series.items() if len(points) >= FEWEST}
    if not ratios:
        return DIVERGENCE.unmeasured(
            f"It takes {FEWEST} ticks of one resolution with a logistic or a wasserstein loss."
        )
    worst = max(ratios, key=lambda term: ratios[term])
    state = GROWTH.judge(ratios[worst])
    sentence = "No loss has left the size that it should have."
    if state != "fine":
        grown = f"{worst} has grown to {number(ratios[worst])} times the size that it should have"
        sentence = f"{grown}: the game does not converge; lower the learning rates, or strengthen the penalty."
    return DIVERGENCE.answer(ratios[worst], GROWTH, state, sentence)


def _growth_of(term: str, points: Sequence[Point]) -> float:
    """Logistic losses of an even game are near 1; a critic's have no size of their own but that of the first half."""
    first = 0.0 if term.endswith(LOGISTIC) else _level(points[: len(points) // 2])
    return _level(_recent(points)) / max(first, SMALLEST_LEVEL)


def _oscillation(ticks: Sequence[TickRecord]) -> Finding:
    here = [tick for tick in ticks if tick.resolution == ticks[-1].resolution and not tick.fading]
    points = next((found for term in (LOGISTIC, WASSERSTEIN) if (found := _term(here, f"generator/{term}"))), [])
    if here and not points:
        return OSCILLATION.unmeasured("The generator has neither a logistic nor a wasserstein loss.")
    if len(points) < FEWEST_TO_SWING:
        least = f"It takes {FEWEST_TO_SWING} ticks at full fade of the last resolution; there are {len(points)}."
        return OSCILLATION.unmeasured(least)
    points = points[-LOOKED_AT:]
    trend = smoothed(points, 1)  # a tick is a mean already; swings of two or three ticks are noise
    value = swings([point.value for point in trend], SWING * max(_level(points), SMALLEST_LEVEL))
    state = SWINGS.judge(value)
    swung = f"In the last {len(points)} ticks the generator's loss swung {value} times by more than half of its level"
    remedy = "" if state == "fine" else ": the players chase each other; lower the learning rates"
    return OSCILLATION.answer(value, SWINGS, state, f"{swung}{remedy}.")


def swings(values: Sequence[float], size: float) -> int:
    """How often a curve goes up or down by `size` or more before it turns by as much: a rise to stay is one."""
    turns, direction = 0, 0
    low = high = values[0]
    for value in values:
        low, high = min(low, value), max(high, value)
        if direction <= 0 and value - low >= size:
            turns, direction, high = turns + 1, 1, value
        elif direction >= 0 and high - value >= size:
            turns, direction, low = turns + 1, -1, value
    return turns


def _term(ticks: Sequence[TickRecord], name: str) -> list[Point]:
    return [Point(tick.images_seen, tick.losses[name], tick.resolution) for tick in ticks if name in tick.losses]


def _recent(points: Sequence[Point]) -> Sequence[Point]:
    return points[-max(FEWEST // 2, round(RECENT * len(points))) :]


def _earlier(points: Sequence[Point]) -> Sequence[Point]:
    return points[: len(points) - len(_recent(points))]


def _level(points: Sequence[Point]) -> float:
    """The usual size."""
    return median(abs(point.value) for point in points)

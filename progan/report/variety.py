"""Whether generated images vary as real ones do, by the metrics that tell."""

from collections.abc import Callable, Mapping

from progan.metrics import example_of
from progan.report.finding import Finding, Limits, Question, State
from progan.report.headline import Headline
from progan.report.wording import number

# What is said of runs was measured: benchmarks/diagnosis.md.
# The spread of generated images over that of real ones: 1 where they vary alike. Healthy generators had 0.7 to 0.96, in
# the middle of their training 0.55; one that collapsed 0.1 to 0.2.
SPREAD = Limits(watch=0.5, bad=0.3)
# How far MS-SSIM has come from that of real pairs (0) to that of equal images (1). Healthy generators had 0 to 0.13, in
# the middle of their training 0.2, since what is not yet drawn cannot differ; one that collapsed 0.99.
SIMILARITY = Limits(watch=0.25, bad=0.5)
# Share of bins, beyond that of real images, whose occupation differs. Bins differ easily: 0.2 to 0.5 in good runs,
# 0.76 in a healthy game of small dense networks; only nearly all of them mean that parts of the data are missing.
BINS = Limits(watch=0.85, bad=0.95)
# A generator begins with little variety and gains it: while a value gets better by so much of it from one measurement
# to the next, nothing has collapsed.
GETTING_BETTER = 0.1
COLLAPSE = "mode collapse"
SPREADING = Question(COLLAPSE, "Variety by spread", "spread ÷ real images' spread")
PAIRS = Question(COLLAPSE, "Variety by pairs", "MS-SSIM, from real pairs (0) to equal images (1)")
OCCUPATION = Question(COLLAPSE, "Variety by bins", "share of differing bins, less that of real images")
REMEDY = "give the discriminator a minibatch statistic, or slow the generator down against it"


def variety(trained: Mapping[str, Headline]) -> list[Finding]:
    """trained: by the family of the metric, those whose last value is of a trained generator."""
    return [_spread(trained.get("spread")), _similarity(trained.get("msssim")), _bins(trained.get("ndb"))]


def _spread(one: Headline | None) -> Finding:
    if one is None or not one.floor:
        return _unasked(SPREADING, "spread")
    floor = one.floor
    value, state = _judged(one, SPREAD, lambda measured: measured / floor)
    less = "" if state == "fine" else f": many of them are nearly the same image; {REMEDY}"
    said = f"Generated images spread over {value:.0%} of what real images do{less}."
    return SPREADING.answer(value, SPREAD, state, said)


def _similarity(one: Headline | None) -> Finding:
    if one is None or one.floor is None or one.floor >= 1:
        return _unasked(PAIRS, "msssim")
    floor = one.floor
    value, state = _judged(one, SIMILARITY, lambda measured: (measured - floor) / (1 - floor))
    scores = f"MS-SSIM of generated pairs is {number(one.last.value)}, of real pairs {number(floor)}"
    alike = "" if state == "fine" else f": generated images resemble each other; {REMEDY}"
    return PAIRS.answer(value, SIMILARITY, state, f"{scores}{alike}.")


def _bins(one: Headline | None) -> Finding:
    if one is None or one.floor is None:
        return _unasked(OCCUPATION, "ndb")
    floor = one.floor
    value, state = _judged(one, BINS, lambda measured: measured - floor)
    shares = f"{one.last.value:.0%} of the bins hold another share of generated than of real images"
    missing = "" if state == "fine" else f": whole kinds of images are missing or overdrawn; {REMEDY}"
    return OCCUPATION.answer(value, BINS, state, f"{shares} ({floor:.0%} between real images){missing}.")


def _judged(one: Headline, limits: Limits, scaled: Callable[[float], float]) -> tuple[float, State]:
    """The last value, scaled, and its state; only watched where it gets better."""
    value, state = scaled(one.last.value), limits.judge(scaled(one.last.value))
    before = one.alike[-2] if len(one.alike) > 1 else one.untrained
    if state == "bad" and before is not None and limits.gain(scaled(before.value), value) >= GETTING_BETTER:
        state = "watch"
    return value, state


def _unasked(question: Question, family: str) -> Finding:
    asked = f"progan diagnose RUN --measure, or progan evaluate RUN {example_of(family)}"
    return question.unmeasured(f"Not measured against real images: {asked}, does it.")

"""Whether generated images vary as real ones do, by the metrics that tell."""

from collections.abc import Mapping

from progan.metrics import example_of
from progan.report.finding import Finding, Limits, Question
from progan.report.headline import Headline
from progan.report.wording import number

# The spread of generated images over that of real ones: 1 where they vary alike. A generator that trades variety for
# quality loses a fifth; one that draws the same few images over and over, most of it.
SPREAD = Limits(watch=0.7, bad=0.4)
# How far MS-SSIM has come from that of real pairs (0) to that of equal images (1). In the middle of a healthy training
# it reaches 0.2, since what is not yet drawn cannot differ.
SIMILARITY = Limits(watch=0.25, bad=0.5)
# Share of bins, beyond that of real images, whose occupation differs. Bins differ easily, and half of them do with a
# mediocre generator; only nearly all of them mean that parts of the data are missing.
BINS = Limits(watch=0.75, bad=0.9)
COLLAPSE = "mode collapse"
SPREADING = Question(COLLAPSE, "Variety by spread", "spread ÷ real images' spread")
PAIRS = Question(COLLAPSE, "Variety by pairs", "MS-SSIM, from real pairs (0) to equal images (1)")
OCCUPATION = Question(COLLAPSE, "Variety by bins", "share of differing bins, less that of real images")
REMEDY = "give the discriminator a minibatch statistic, or slow the generator down against it"


def variety(trained: Mapping[str, Headline]) -> list[Finding]:
    """trained: by the family of the metric, those whose last value is of a trained generator."""
    return [_spread(trained.get("spread")), _similarity(trained.get("msssim")), _bins(trained.get("ndb"))]


def _spread(one: Headline | None) -> Finding:
    if one is None or one.last_to_floor is None:
        return _unasked(SPREADING, "spread")
    value = one.last_to_floor
    less = "" if (state := SPREAD.judge(value)) == "fine" else f": many of them are nearly the same image; {REMEDY}"
    said = f"Generated images spread over {value:.0%} of what real images do{less}."
    return SPREADING.answer(value, SPREAD, state, said)


def _similarity(one: Headline | None) -> Finding:
    if one is None or one.floor is None or one.floor >= 1:
        return _unasked(PAIRS, "msssim")
    value = (one.last.value - one.floor) / (1 - one.floor)
    scores = f"MS-SSIM of generated pairs is {number(one.last.value)}, of real pairs {number(one.floor)}"
    alike = "" if (state := SIMILARITY.judge(value)) == "fine" else f": generated images resemble each other; {REMEDY}"
    return PAIRS.answer(value, SIMILARITY, state, f"{scores}{alike}.")


def _bins(one: Headline | None) -> Finding:
    if one is None or one.floor is None:
        return _unasked(OCCUPATION, "ndb")
    value = one.last.value - one.floor
    shares = f"{one.last.value:.0%} of the bins hold another share of generated than of real images"
    state = BINS.judge(value)
    missing = "" if state == "fine" else f": whole kinds of images are missing or overdrawn; {REMEDY}"
    return OCCUPATION.answer(value, BINS, state, f"{shares} ({one.floor:.0%} between real images){missing}.")


def _unasked(question: Question, family: str) -> Finding:
    asked = f"progan diagnose RUN --measure, or progan evaluate RUN {example_of(family)}"
    return question.unmeasured(f"Not measured against real images: {asked}, does it.")

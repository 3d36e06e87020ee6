"""Whether generated images are copies of training images, as the search for nearest neighbours tells."""

from progan.report.finding import Finding, Limits, Question, State
from progan.report.records import Neighbours

# How far the nearest training image is, over how far the 50 nearest are on average: 0 of a copy, near 1 where none of
# them stands out. The search calls it a copy below its own limit, and only where it is nearer than real images are.
NEARNESS = Limits(watch=0.6, bad=0.5)
COPYING = Question(
    "memorisation", "Memorisation", "distance to the nearest training image ÷ mean distance to the 50 nearest"
)
# What the search can find, the worst first. Blurred images are near many real ones and copies of none, so being near is
# no failure.
VERDICTS: dict[str, tuple[State, str]] = {
    "copies": ("bad", "generated images are copies: far nearer to one training image than real images are to another"),
    "near": ("fine", "generated images are near many training images, as blurred ones are, and copies of none"),
    "distinct": ("fine", "generated images are no nearer to training images than these are to one another"),
}
REMEDY = "train on more images, or stop earlier"


def memorisation(neighbours: Neighbours | None) -> Finding:
    """Of the space in which it is worst."""
    facts = {} if neighbours is None else neighbours.facts
    verdicts = {str(one.get("verdict")): space for space, one in facts.items()}
    worst = next((verdict for verdict in VERDICTS if verdict in verdicts), None)
    if worst is None:
        return COPYING.unmeasured("Not measured: progan diagnose RUN --measure, or progan neighbours RUN, does it.")
    state, sentence = VERDICTS[worst]
    found = facts[verdicts[worst]].get("standout")
    value = float(found) if isinstance(found, int | float) else None
    if worst == "near" and value is not None:
        state = NEARNESS.judge(value)
    remedy = "" if state == "fine" else f"; {REMEDY}"
    return COPYING.answer(value, NEARNESS, state, f"By {verdicts[worst]} {sentence}{remedy}.")

"""Linear probes as tables: what each classifier reached, and on which classes."""

from collections.abc import Iterable
from typing import TypeVar

from progan.report.records import Probes, ProbeScore
from progan.report.tables import Rows
from progan.report.wording import NOTHING, count

T = TypeVar("T")
CLASSIFIERS = {"svm": "linear SVM", "logistic": "logistic regression", "network": "the network itself"}
LISTED = 40  # classes at most

Table = tuple[list[str], Rows]  # head, rows


def accuracy_table(found: Probes) -> Table:
    """Right answers in %, with their deviation where something was drawn."""
    numbers = _unique(score.labels for score in found.scores)
    cells = {(score.features, score.classifier, score.labels): _accuracy(score) for score in found.scores}
    head = ["Features", "Classifier", *(f"{count(number)} labels" for number in numbers)]
    rows: Rows = [
        (features, CLASSIFIERS.get(name, name), *(cells.get((features, name, number), NOTHING) for number in numbers))
        for features, name in _unique((features, name) for features, name, _ in cells)
    ]
    return head, rows


def class_table(found: Probes) -> Table:
    """Precision / recall of each class in % with the most labels; of the linear classifiers it is the SVM's.

    No rows where there are more classes than LISTED.
    """
    most = max(score.labels for score in found.scores)
    shown = [score for score in found.scores if score.labels == most and score.classifier != "logistic"]
    classes = found.classes if len(found.classes) <= LISTED else []
    return ["Class", *(score.features for score in shown)], [
        (name, *(f"{_percent(score.precision.get(name))} / {_percent(score.recall.get(name))}" for score in shown))
        for name in classes
    ]


def caption(found: Probes) -> str:
    """What the first table shows."""
    seeds = "1 seed" if len(found.seeds) == 1 else f"{len(found.seeds)} seeds"
    return (
        f"Right answers in % on {count(found.test_images)} test images of {len(found.classes)} classes; "
        f"where labels or weights are drawn, mean ± standard deviation over {seeds}. "
        f"The trained discriminator had seen {count(found.images_seen)} images."
    )


def _accuracy(score: ProbeScore) -> str:
    spread = "" if score.deviation is None else f" ± {100 * score.deviation:.2f}"
    return f"{100 * score.accuracy:.2f}{spread}"


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.1f}"


def _unique(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))

"""Linear probes as tables: what each classifier reached, and on which classes."""

from collections.abc import Iterable, Mapping
from typing import Any

from progan.report.wording import NOTHING, count

CLASSIFIERS = {"svm": "linear SVM", "logistic": "logistic regression", "network": "the network itself"}
CLASSES = 40  # rows at most

Table = tuple[list[str], list[tuple[str, ...]]]  # head, rows


def accuracy_table(found: Mapping[str, Any]) -> Table:
    """Test accuracy in %, with its deviation over the seeds where there are several."""
    numbers = _unique(score["labels"] for score in found["scores"])
    cells = {(score["features"], score["classifier"], score["labels"]): _accuracy(score) for score in found["scores"]}
    head = ["Features", "Classifier", *(f"{count(number)} labels" for number in numbers)]
    rows = [
        (features, CLASSIFIERS[classifier], *(cells.get((features, classifier, number), NOTHING) for number in numbers))
        for features, classifier in _unique(key[:2] for key in cells)
    ]
    return head, rows


def class_table(found: Mapping[str, Any]) -> Table:
    """Precision and recall of each class in %, for each kind of features, with the most labels; no row where there are
    more than CLASSES.

    Of the linear classifiers it is the SVM.
    """
    most = max(score["labels"] for score in found["scores"])
    shown = [score for score in found["scores"] if score["labels"] == most and score["classifier"] != "logistic"]
    head = ["Class", *(score["features"] for score in shown)]
    classes = found["classes"] if len(found["classes"]) <= CLASSES else []
    return head, [(name, *(_both(score, name) for score in shown)) for name in classes]


def caption(found: Mapping[str, Any]) -> str:
    """What the tables are of."""
    seeds, test = len(found["seeds"]), found["test"]
    return (
        f"Right answers in % on {count(test['images'])} test images of {len(found['classes'])} classes; where labels or "
        f"weights are drawn, mean ± standard deviation over {seeds} seed{'s' if seeds > 1 else ''}. "
        f"Trained: the discriminator's after {count(found['images_seen'])} images."
    )


def _accuracy(score: Mapping[str, Any]) -> str:
    spread = "" if score["deviation"] is None else f" ± {100 * score['deviation']:.2f}"
    return f"{100 * score['accuracy']:.2f}{spread}"


def _both(score: Mapping[str, Any], name: str) -> str:
    values = (score["precision"][name], score["recall"][name])
    return " / ".join(NOTHING if value is None else f"{100 * value:.1f}" for value in values)


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))

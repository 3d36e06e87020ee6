"""Linear probes: how well a linear classifier tells classes apart that sees features instead of images.

What a probe is fitted to is centred, and divided by one number that makes the mean square length 1: so the penalty
means the same for features of any number and size, and none that hardly varies is blown up. Both come from the images
learned from. So does C, the inverse weight of the penalty: the one of `GRID` that is right most often on images held
out. For that the images (of more than `VALIDATED`, so many) are cut into five parts of the same classes, each of which
is held out in turn. Then all are learned.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from progan.data.reading.order import Balanced, Numbers
from progan.metrics.classification import shares
from progan.metrics.linear import Kind, fit
from progan.random import generator
from progan.types import ConfigError

GRID = (0.1, 1.0, 10.0, 100.0)  # of C
FOLDS = 5
VALIDATED = 2000  # images at most

RULE = (
    "scikit-learn's LinearSVC (squared hinge, one against the rest) and LogisticRegression; features centred, mean "
    f"square length 1 on the images learned from; C of {GRID} by {FOLDS}-fold validation within at most {VALIDATED} of "
    "the images learned from"
)


class Known(NamedTuple):
    """What is known of N images."""

    features: Tensor  # NF, float32
    labels: Tensor  # int64 N


class Answers(NamedTuple):
    """What a classifier says of the test images."""

    labels: Tensor  # int64 N
    c: float | None = None  # that was chosen; None: of no linear classifier
    converged: bool = True


@dataclass(frozen=True)
class Trial:
    """One classifier, taught and tested."""

    features: str  # what it saw
    learned: int  # images
    classifier: str
    counts: Tensor  # int64 KK: test images of the row's class that were said to be of the column's
    c: float | None
    converged: bool

    @property
    def accuracy(self) -> float:
        return int(self.counts.trace()) / int(self.counts.sum())


def even_subset(labels: Tensor, classes: int, count: int, seed: int) -> Numbers:
    """The numbers of `count` images drawn by the seed, as many of each class, or one more, as of any other.

    labels: int64 N. Fewer images drawn by the same seed are among more. ConfigError where a class has too few.
    """
    numbers = Balanced(labels, classes, seed, "--train").rows(np.arange(count))
    if len(np.unique(numbers)) < count:
        fewest = int(torch.bincount(labels, minlength=classes).min())
        raise ConfigError(f"--labels {count}: the smallest of {classes} classes has {fewest} images; ask fewer labels")
    return numbers


def answer(kind: Kind, learned: Known, test: Tensor, seed: int) -> Answers:
    """The answers for `test`, NF, of a probe fitted to `learned`; seed: of the images that C is chosen by."""
    scaled = scaling(learned.features)
    known = Known(scaled(learned.features), learned.labels)
    best = _chosen(kind, known, seed)
    fitted = fit(kind, *known, best)
    return Answers(fitted.answers(scaled(test)), best, fitted.converged)


def scaling(learned: Tensor) -> Callable[[Tensor], Tensor]:
    """NF -> NF, as the head of this module says, by what is learned from. Features that do not vary stay zero."""
    mean = learned.mean(dim=0, dtype=torch.float64).float()
    square = float((learned - mean).square().sum(dim=1).mean(dtype=torch.float64))
    scale = square**-0.5 if square else 1.0
    return lambda features: (features - mean) * scale


def score(trials: Sequence[Trial], classes: Sequence[str]) -> dict[str, Any]:
    """The result of trials that differ in their seeds alone, ready for JSON.

    accuracy, deviation   mean and standard deviation of the accuracies, 0 to 1; null for one trial
    precision, recall     by class, over the answers of all trials together; null where nothing was said to be of it, or
                          is of it
    """
    accuracies = [trial.accuracy for trial in trials]
    counts = torch.stack([trial.counts for trial in trials]).sum(dim=0)
    right = counts.diagonal()
    return {
        "features": trials[0].features,
        "labels": trials[0].learned,
        "classifier": trials[0].classifier,
        "accuracy": statistics.fmean(accuracies),
        "deviation": statistics.stdev(accuracies) if len(trials) > 1 else None,
        "accuracies": accuracies,
        "c": [trial.c for trial in trials],
        "converged": all(trial.converged for trial in trials),
        "precision": dict(zip(classes, shares(right, counts.sum(dim=0)), strict=True)),
        "recall": dict(zip(classes, shares(right, counts.sum(dim=1)), strict=True)),
    }


def _chosen(kind: Kind, known: Known, seed: int) -> float:
    """The C of the most right answers on images held out; of equals the smallest."""
    drawn = torch.randperm(len(known.labels), generator=generator(seed, "probe-validation", 0))[:VALIDATED]
    shown = Known(known.features[drawn], known.labels[drawn])
    folds = _folds(shown.labels)
    right = np.sum([_right(kind, shown, folds == fold) for fold in range(FOLDS)], axis=0)
    return GRID[int(right.argmax())]


def _folds(labels: Tensor) -> Tensor:
    """Which part each belongs to; every class is dealt out to all in turn."""
    folds = torch.empty_like(labels)
    folds[labels.argsort(stable=True)] = torch.arange(len(labels)) % FOLDS
    return folds


def _right(kind: Kind, known: Known, held_out: Tensor) -> list[int]:
    """Right answers on what is held out, for each C."""
    rest, asked = (Known(known.features[part], known.labels[part]) for part in (~held_out, held_out))
    return [int((fit(kind, *rest, c).answers(asked.features) == asked.labels).sum()) for c in GRID]

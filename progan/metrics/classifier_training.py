"""Training a classifier on the labels of a prepared set, and judging it by images it was not shown.

It stands among the metrics because it makes one of their instruments; the engine knows games of two players only.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from progan.config import Settings
from progan.data.manifest import Manifest
from progan.data.reading.order import Numbers, Shuffled
from progan.data.reading.reader import Reader
from progan.data.reals import to_reals
from progan.metrics.precision import exact_arithmetic, published_precision
from progan.networks.classifier import Classifier, ClassifierConfig
from progan.random import generator, key
from progan.types import UNLABELLED, Batch, DataError, TrainingError

HELD_OUT = 10  # one labelled image in so many

Progress = Callable[[int, float], None]  # images seen, loss of the last batch


class ClassifierTraining(Settings):
    """How a classifier is trained: with Adam, each image mirrored with probability 1/2."""

    images: Annotated[int, Field(ge=1)] = 200_000  # shown in all
    batch: Annotated[int, Field(ge=1)] = 64
    lr: Annotated[float, Field(gt=0)] = 0.001  # at the start; half a cosine leads to 0
    seed: int = 0  # of weights, order, mirroring and of what is held out

    def lr_at(self, images_seen: int) -> float:
        return self.lr * (1 + math.cos(math.pi * images_seen / self.images)) / 2


@dataclass(frozen=True)
class Judgement:
    """How a classifier does on the images that were held out."""

    images: int
    accuracy: float  # share of right answers, of several labels an image over all of them
    commonest: float  # what always giving the commonest answer would reach: no look at the image is needed for that


class _Question(NamedTuple):
    """What is asked of each image, and how answers are judged."""

    loss: Callable[[Tensor, Tensor], Tensor]  # logits NC, labels -> scalar
    right: Callable[[Tensor, Tensor], Tensor]  # logits NC, labels -> bool, one an answer
    commonest: Callable[[Tensor], float]  # labels -> share of the commonest answer


_WHICH_CLASS = _Question(
    loss=F.cross_entropy,
    right=lambda logits, labels: logits.argmax(dim=1) == labels,
    commonest=lambda labels: int(labels.bincount().max()) / len(labels),
)
_WHICH_OF_ALL = _Question(
    loss=lambda logits, labels: F.binary_cross_entropy_with_logits(logits, labels.float()),
    right=lambda logits, labels: (logits > 0) == (labels == 1),
    commonest=lambda labels: float((labels.double().mean(dim=0) - 0.5).abs().mean() + 0.5),
)


class Examples:
    """The labelled images of a set, in a part to learn from and a part held out to judge by."""

    def __init__(self, manifest: Manifest, resolution: int, seed: int) -> None:
        """resolution: px of the images where the set has them; else the largest below, or its smallest.

        DataError for a set that has not two classes, or fewer than HELD_OUT labelled images.
        """
        classes, name = manifest.spec.num_classes, manifest.place.describe()
        if classes < 2:
            held = "has one class" if classes else "has no labels"
            raise DataError(f"{name}: {held}, and a classifier needs two; prepare it with --label, as --label Smiling")
        self.labels = torch.from_numpy(manifest.read_labels())
        self.multilabel = manifest.spec.multilabel
        known = np.flatnonzero(self.labels.view(manifest.count, -1)[:, 0].numpy() != UNLABELLED)
        if len(known) < HELD_OUT:
            raise DataError(f"{name}: {len(known)} labelled images; a classifier needs {HELD_OUT}, prepare more")
        drawn = known[torch.randperm(len(known), generator=generator(seed, "classifier-held-out", 0)).numpy()]
        self.held_out, self.learned = np.split(drawn, [len(known) // HELD_OUT])
        fitting = [size for size in manifest.resolutions if size <= resolution]
        self._reader = Reader(manifest, fitting[-1] if fitting else manifest.resolutions[0])

    def read(self, rows: Numbers) -> Batch:
        """Samples of these numbers, images uint8 N3HH. DataError names one that cannot be read."""
        return Batch(self._reader.begin(rows).result().permute(0, 3, 1, 2), self.labels[torch.from_numpy(rows)])

    def close(self) -> None:
        self._reader.close()

    @property
    def question(self) -> _Question:
        return _WHICH_OF_ALL if self.multilabel else _WHICH_CLASS


def untrained_classifier(classes: int, config: ClassifierConfig, seed: int) -> Classifier:
    """The same weights for the same seed on any device."""
    torch.manual_seed(key(seed, "classifier-weights", 0))
    return Classifier(classes, config)


def train_classifier(
    classifier: Classifier, examples: Examples, training: ClassifierTraining, device: torch.device, progress: Progress
) -> None:
    """Show it so many images of those to learn from; TrainingError where a loss or a weight is not finite.

    The same seed gives the same network on the same machine.
    """
    optimizer = torch.optim.Adam(classifier.to(device).train().parameters(), lr=training.lr)
    order = Shuffled(len(examples.learned), training.seed, "classifier-order")
    with exact_arithmetic():
        for seen in range(0, training.images, training.batch):
            positions = np.arange(seen, min(seen + training.batch, training.images))
            batch = examples.read(examples.learned[order.rows(positions)])
            optimizer.param_groups[0]["lr"] = training.lr_at(seen)
            optimizer.zero_grad()
            loss = examples.question.loss(*_answered(classifier, _mirrored(batch, training.seed, seen), device))
            _require_finite("loss", loss.item(), seen)
            torch.autograd.backward(loss)
            optimizer.step()
            progress(seen + len(positions), loss.item())
    # No loss shows what the last step did.
    total = sum(weight.detach().abs().sum().item() for weight in classifier.parameters())
    _require_finite("sum of weights", total, training.images)


def judge(classifier: Classifier, examples: Examples, device: torch.device, batch: int = 64) -> Judgement:
    """Ask it about every image that was held out."""
    held_out, right = examples.held_out, []
    classifier.eval()
    with published_precision(device):
        for start in range(0, len(held_out), batch):
            shown = examples.read(held_out[start : start + batch])
            asked = Batch(to_reals(shown.images), shown.labels)
            right.append(examples.question.right(*_answered(classifier, asked, device)))
    labels = examples.labels[torch.from_numpy(held_out)]
    return Judgement(
        images=len(held_out),
        accuracy=float(torch.cat(right).double().mean()),
        commonest=examples.question.commonest(labels),
    )


def _mirrored(batch: Batch, seed: int, seen: int) -> Batch:
    """As a network takes them: float in [-1, 1]."""
    draw = torch.rand(len(batch.images), generator=generator(seed, "classifier-mirror", seen))
    return Batch(to_reals(batch.images, draw < 0.5), batch.labels)


def _answered(classifier: Classifier, batch: Batch, device: torch.device) -> tuple[Tensor, Tensor]:
    """Logits and labels, on the device."""
    _, logits = classifier(batch.images.to(device))
    return logits, batch.labels.to(device)


def _require_finite(what: str, value: float, seen: int) -> None:
    if not math.isfinite(value):
        raise TrainingError(f"the classifier's {what} is {value} at {seen} images; try another seed")

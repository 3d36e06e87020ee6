"""Training a classifier on the labels of a prepared set, and judging it by images it was not shown.

It stands among the metrics because it makes one of their instruments; the engine knows games of two players only.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from progan.config import Settings
from progan.data.labelled import LabelledImages
from progan.data.reading.order import Numbers, Shuffled
from progan.data.reals import to_reals
from progan.metrics.precision import exact_arithmetic, published_precision
from progan.networks.classifier import Classifier, ClassifierConfig
from progan.random import generator, key
from progan.types import Batch, DataError, TrainingError

HELD_OUT = 10  # one labelled image in so many
AT_ONCE = 64  # images that are judged together

Loss = Callable[[Numbers, int], Tensor]  # of the images of these numbers, shown after so many -> scalar
Progress = Callable[[int, float], None]  # images seen, loss of the last batch


class ClassifierTraining(Settings):
    """How a classifier is trained, with Adam."""

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


def untrained_classifier(classes: int, config: ClassifierConfig, seed: int) -> Classifier:
    """The same weights for the same seed on any device."""
    torch.manual_seed(key(seed, "classifier-weights", 0))
    return Classifier(classes, config)


def split(images: LabelledImages) -> tuple[Numbers, Numbers]:
    """The numbers of those to learn from, and of those held out to judge by. DataError for fewer than HELD_OUT."""
    if len(images) < HELD_OUT:
        raise DataError(f"{images.name}: {len(images)} labelled images; a classifier needs {HELD_OUT}, prepare more")
    held_out, learned = np.split(np.arange(len(images)), [len(images) // HELD_OUT])
    return learned, held_out


def train_classifier(
    classifier: Classifier, images: LabelledImages, training: ClassifierTraining, device: torch.device, show: Progress
) -> None:
    """Teach it those to learn from, each mirrored with probability 1/2.

    The same seed gives the same network on the same machine.
    """
    question = _question(images)

    def loss(numbers: Numbers, seen: int) -> Tensor:
        return question.loss(*_answered(classifier, _mirrored(images.read(numbers), training.seed, seen), device))

    teach(list(classifier.to(device).train().parameters()), split(images)[0], training, loss, show)


def teach(
    weights: Sequence[nn.Parameter], learned: Numbers, training: ClassifierTraining, loss: Loss, show: Progress
) -> None:
    """Lower the loss of the images of these numbers, in an order of the seed.

    TrainingError where a loss or a weight is not finite.
    """
    optimizer = torch.optim.Adam(weights, lr=training.lr)
    order = Shuffled(len(learned), training.seed, "classifier-order")
    with exact_arithmetic():
        for seen in range(0, training.images, training.batch):
            positions = np.arange(seen, min(seen + training.batch, training.images))
            optimizer.param_groups[0]["lr"] = training.lr_at(seen)
            optimizer.zero_grad()
            found = loss(learned[order.rows(positions)], seen)
            _require_finite("loss", found.item(), seen)
            torch.autograd.backward(found)
            optimizer.step()
            show(seen + len(positions), found.item())
    # No loss shows what the last step did.
    total = sum(weight.detach().abs().sum().item() for weight in weights)
    _require_finite("sum of weights", total, training.images)


def judge(classifier: Classifier, images: LabelledImages, device: torch.device) -> Judgement:
    """Ask it about every image that is held out."""
    (_, held_out), question, right = split(images), _question(images), []
    classifier.eval()
    with published_precision(device):
        for start in range(0, len(held_out), AT_ONCE):
            shown = images.read(held_out[start : start + AT_ONCE])
            asked = Batch(to_reals(shown.images), shown.labels)
            right.append(question.right(*_answered(classifier, asked, device)))
    return Judgement(
        images=len(held_out),
        accuracy=float(torch.cat(right).double().mean()),
        commonest=question.commonest(images.labels[torch.from_numpy(held_out)]),
    )


def _question(images: LabelledImages) -> _Question:
    return _WHICH_OF_ALL if images.spec.multilabel else _WHICH_CLASS


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

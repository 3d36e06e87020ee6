"""How well the class head of a discriminator tells the classes of labelled images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from progan.data.reals import to_reals
from progan.metrics.precision import published_precision
from progan.types import UNLABELLED, Batch, Verdict


@dataclass(frozen=True)
class ClassScore:
    """How well the images of a class, or with a label, are told from the others."""

    name: str
    images: int  # that are of it
    accuracy: float  # share of images of which it is rightly said whether they are of it
    precision: float | None  # share that is of it, of the images said to be; None: none was
    recall: float | None  # share said to be of it, of the images that are; None: none is


@dataclass(frozen=True)
class Classification:
    """The answers to all images of a set."""

    images: int
    answers: int  # one an image, or one for each of its several labels
    errors: int  # wrong answers
    classes: tuple[ClassScore, ...]
    confusion: list[list[int]] | None  # images of the row's class taken for the column's; None: of several labels

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return 1 - self.errors / self.answers


def answer(
    discriminator: Callable[[Tensor, Tensor], Verdict],
    batch: Batch,
    device: torch.device,
    fade: float = 1.0,  # of a snapshot taken while a resolution faded in
    group: int = 1,  # consecutive samples that the discriminator's layers treat together
) -> Tensor | None:
    """The class it gives to each stored image, int64 N, or of several labels NK of 1 and 0, on the CPU.

    It is not shown the labels. None where it does not tell classes apart.
    """
    count = len(batch.images)
    filled = torch.arange(-(-count // group) * group) % count  # whole groups: the first images once more at the end
    reals = to_reals(batch.images[filled].to(device), fade=fade)
    unlabelled = torch.full_like(batch.labels[filled], UNLABELLED).to(device)
    with published_precision(device):
        logits = discriminator(reals, unlabelled).classes
    if logits is None:
        return None
    given = logits.argmax(dim=1) if batch.labels.dim() == 1 else (logits > 0).long()
    return given[:count].cpu()


def score(given: Tensor, labels: Tensor, names: Sequence[str]) -> Classification:
    """Answers against the labels: int64 N, or NK of 1 and 0; at least one of them, all known."""
    said, true = (_of_each_class(each, len(names)) for each in (given, labels))
    hits, images = (said & true).sum(dim=0), true.sum(dim=0)
    accuracy = (said == true).double().mean(dim=0)
    precision, recall = shares(hits, said.sum(dim=0)), shares(hits, images)
    rows = zip(names, images.tolist(), accuracy.tolist(), precision, recall, strict=True)
    return Classification(
        images=len(labels),
        answers=labels.numel(),
        errors=int((given != labels).sum()),
        classes=tuple(ClassScore(*row) for row in rows),
        confusion=None if labels.dim() == 2 else confusion(given, labels, len(names)).tolist(),
    )


def _of_each_class(labels: Tensor, count: int) -> Tensor:
    """NK bool: which classes an image is of."""
    return labels == 1 if labels.dim() == 2 else F.one_hot(labels, count) == 1


def shares(parts: Tensor, wholes: Tensor) -> list[float | None]:
    """Of counts, int64 K; None of nothing."""
    return [part / whole if whole else None for part, whole in zip(parts.tolist(), wholes.tolist(), strict=True)]


def confusion(given: Tensor, labels: Tensor, count: int) -> Tensor:
    """Answers and labels, int64 N -> KK: images of the row's class taken for the column's."""
    return torch.bincount(labels * count + given, minlength=count**2).view(count, count)

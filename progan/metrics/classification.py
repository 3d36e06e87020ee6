"""How well the class head of a discriminator tells the classes of labelled images."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from progan.data.manifest import Manifest
from progan.data.reading.order import Shuffled
from progan.data.reading.reader import Reader
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


def labelled_batches(manifest: Manifest, resolution: int, size: int) -> Iterator[Batch]:
    """All images of a set that have a label, as they are stored, in one mixed order.

    Mixed, because layers that see a minibatch expect it to be as various as the training's. DataError names an image
    that cannot be read.
    """
    labels = torch.from_numpy(manifest.read_labels())
    known = np.flatnonzero(labels.view(manifest.count, -1)[:, 0].numpy() != UNLABELLED)
    rows = known[Shuffled(len(known), 0, "classification").rows(np.arange(len(known)))] if len(known) else known
    with closing(Reader(manifest, resolution)) as reader:
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield Batch(reader.begin(part).result().permute(0, 3, 1, 2), labels[torch.from_numpy(part)])


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
    rows = zip(names, said.unbind(1), true.unbind(1), strict=True)
    return Classification(
        images=len(labels),
        answers=labels.numel(),
        errors=int((given != labels).sum()),
        classes=tuple(_class_score(*row) for row in rows),
        confusion=None if labels.dim() == 2 else confusion(given, labels, len(names)).tolist(),
    )


def _of_each_class(labels: Tensor, count: int) -> Tensor:
    """NK bool: which classes an image is of."""
    return labels == 1 if labels.dim() == 2 else F.one_hot(labels, count) == 1


def _class_score(name: str, said: Tensor, true: Tensor) -> ClassScore:
    """said, true: N bool."""
    return ClassScore(
        name=name,
        images=int(true.sum()),
        accuracy=float((said == true).double().mean()),
        precision=_share(true[said]),
        recall=_share(said[true]),
    )


def _share(answers: Tensor) -> float | None:
    return float(answers.double().mean()) if len(answers) else None


def confusion(given: Tensor, labels: Tensor, count: int) -> NDArray[np.int64]:
    """Answers and labels, int64 N -> KK: images of the row's class taken for the column's."""
    counts: NDArray[np.int64] = torch.bincount(labels * count + given, minlength=count**2).view(count, count).numpy()
    return counts

"""The nouns every layer shares: a batch of images, the discriminator's verdict, the facts of a data set, the errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # so that the command line can name errors without waiting for torch
    from torch import Tensor

UNLABELLED = -1  # the label of an image whose class is not known


MIN_RESOLUTION = 4  # pixels, where growing begins


def is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0


def resolutions_up_to(resolution: int, start: int = MIN_RESOLUTION) -> tuple[int, ...]:
    """`start`, 2 `start`, ... `resolution`."""
    return tuple(start << step for step in range((resolution // start).bit_length()))


class ProganError(Exception):
    """A problem the user can act on. The message is one line: what, where, which rule, which remedy."""


class ConfigError(ProganError):
    """A setting is wrong. The message begins with the setting's dotted path."""


class LabelsMissing(ConfigError):
    """The system needs labels and the data have none."""


class DataError(ProganError):
    """A file or data set is wrong. The message names the file."""


class TrainingError(ProganError):
    """Training cannot go on (a loss became non-finite); the last checkpoint is intact."""


class LostRank(ProganError):
    """Another process of this training is gone or stands still; the last checkpoint is intact."""


@dataclass(frozen=True)
class Batch:
    """Images with their labels."""

    images: Tensor  # NCHW: float in [-1, 1] inside networks and losses, uint8 in [0, 255] as it comes from the loader
    labels: Tensor  # N, int64: class index, UNLABELLED where unknown; of a set with several labels NK of 1 and 0
    # Scalar: images with a label in a part like this of the global batch, on average, so that means over them do not
    # depend on the parts; None: those in this batch.
    known: Tensor | None = None


@dataclass(frozen=True)
class Verdict:
    """What a discriminator says of a batch of N images."""

    score: Tensor  # N: the larger, the more real
    classes: Tensor | None = None  # NK: class logits; None for a discriminator without a label head
    features: Tensor | None = None  # NF: an intermediate layer; None where the network names none

    def part(self, samples: slice) -> Verdict:
        """The verdict of some of the samples."""
        classes = None if self.classes is None else self.classes[samples]
        return Verdict(self.score[samples], classes, None if self.features is None else self.features[samples])


@dataclass(frozen=True)
class LatentSpace:
    """What a generator's latents NZ are drawn from, each coordinate by itself."""

    dim: int
    distribution: Literal["normal", "uniform"] = "normal"  # N(0, 1) or U(-1, 1)


@dataclass(frozen=True)
class LabelSpace:
    """What the labels of generated images are drawn from."""

    classes: int = 0  # 0: they have none
    shares: tuple[float, ...] = ()  # of a set with several labels: how often each is 1; empty: one class an image

    @property
    def several(self) -> bool:
        """Whether labels are NK of 1 and 0; else they are N class numbers."""
        return bool(self.shares)


NO_LABELS = LabelSpace()


@dataclass(frozen=True)
class DataSpec:
    """The facts of a prepared data set that networks and metrics depend on."""

    resolutions: tuple[int, ...]  # ascending, in pixels
    count: int  # images
    classes: tuple[str, ...]  # class names in label order; empty for an unlabelled set
    fingerprint: str  # hex digest of every shard and label: equal means the same images in the same order
    channels: int = 3
    multilabel: bool = False  # a sample can belong to several classes: labels are NK of 1 and 0 instead of N
    shares: tuple[float, ...] = ()  # of the images that belong to each class

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def label_space(self) -> LabelSpace:
        """Labels as the set has them: uniform over the classes, or each of several by itself, as often as there."""
        return LabelSpace(self.num_classes, self.shares if self.multilabel else ())

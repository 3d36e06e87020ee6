"""One pass over a sequence of images feeds every metric that wants some of them: each image is drawn once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

_VALUES_AT_ONCE = 2**24  # 64 MB as float32

ImageDraw = Callable[[int, int], Tensor]  # (start, count) -> uint8 N3HW: images start ... start + count - 1


class Gathering(Protocol):
    """What a metric keeps of a set of images while they come by."""

    def feed(self, images: Tensor) -> None:
        """Take the next images of the set, uint8 N3HW; any batch sizes give the same result."""

    def finish(self) -> Any:
        """What the metric needs to know of the whole set."""


@dataclass(frozen=True)
class Outcome:
    """A comparison of two sets of images."""

    value: float
    details: dict[str, Any] = field(default_factory=dict)  # ready for JSON


class Family(Protocol):
    """How one family of metrics is measured."""

    def gather(self, resolution: int, images: int, role: str) -> Gathering:
        """Begin a set of `images` images of `resolution` px; every role has random draws of its own."""

    def compare(self, real: Any, fake: Any) -> Outcome:
        """Compare what two gatherings have finished with."""


@dataclass
class Span:
    """A gathering and its place in the sequence."""

    gathering: Gathering
    first: int
    images: int
    seconds: float = 0.0  # spent drawing and feeding its images; an image drawn for several spans counts in each

    def overlap(self, start: int, count: int) -> slice:
        """Which images of the batch start ... start + count - 1 belong to this span; empty if none do."""
        return slice(max(0, self.first - start), max(0, min(count, self.first + self.images - start)))


def gather(draw: ImageDraw, spans: Sequence[Span], batch: int) -> None:
    """Draw the sequence in batches of `batch` as far as any span reaches, and feed every span."""
    end = max((span.first + span.images for span in spans), default=0)
    for start in range(0, end, batch):
        began = time.perf_counter()
        images = draw(start, min(batch, end - start))
        drawn = time.perf_counter() - began
        assert images.dtype == torch.uint8, "an ImageDraw gives uint8"
        assert len(images) == min(batch, end - start), "an ImageDraw gives as many images as it is asked for"
        for span in spans:
            _feed(span, images, start, drawn)


def pieces(images: Tensor) -> tuple[Tensor, ...]:
    """A batch cut along its first axis, so that float copies of a piece stay small at any resolution."""
    return torch.split(images, max(1, _VALUES_AT_ONCE // images[0].numel()))


def _feed(span: Span, images: Tensor, start: int, drawn: float) -> None:
    wanted = images[span.overlap(start, len(images))]
    if len(wanted) == 0:
        return
    began = time.perf_counter()
    span.gathering.feed(wanted)
    span.seconds += drawn + time.perf_counter() - began

"""One pass over a sequence of images feeds every metric that wants some of them: each image is drawn once."""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from progan.distributed.agreement import on_every_rank, to_main_rank
from progan.distributed.world import World

_VALUES_AT_ONCE = 2**24  # 64 MB as float32

ImageDraw = Callable[[int, int], Tensor]  # (start, count) -> uint8 N3HW: images start ... start + count - 1
Progress = Callable[[str, int, int], None]  # what is being done, how many images are, of how many; 0 of 0: no count


def silent(what: str, done: int, total: int) -> None:
    """The Progress nobody sees."""


class Gathering(Protocol):
    """What a metric keeps of a set of images while they come by, in batches of an even number of images."""

    def extract(self, first: int, images: Tensor) -> Any:
        """What is kept of images number first, first + 1, ... of the set, uint8 N3HW; in any process, in any order."""

    def keep(self, first: int, extracted: Any) -> None:
        """Take what `extract` gave, in the order of the images."""

    def finish(self) -> Any:
        """All that was kept."""


@dataclass(frozen=True)
class Outcome:
    """A comparison of two sets of images."""

    value: float
    details: dict[str, Any] = field(default_factory=dict)  # ready for JSON


class Family(Protocol):
    """How one family of metrics is measured."""

    @property
    def view(self) -> Hashable:
        """What it keeps of an image: families of equal view share one gathering. None: it shares with no other."""

    def gather(self, resolution: int, images: int, role: str) -> Gathering:
        """Begin a set of `images` images of `resolution` px; every role has random draws of its own."""

    def summary(self, kept: Any, images: slice) -> Any:
        """What the metric needs to know of some of the images, of what a gathering finished with. Once for each."""

    def compare(self, real: Any, fake: Any) -> dict[str, Outcome]:
        """Compare two summaries -> results by their names in METRICS. real: None where a metric needs no real images
        and has none."""


@dataclass(eq=False)
class Span:
    """A gathering and its place in the sequence."""

    gathering: Gathering
    first: int
    images: int
    seconds: float = 0.0  # spent drawing and feeding its images; an image drawn for several spans counts in each

    @cached_property
    def kept(self) -> Any:
        """What the gathering finished with, on the main rank, when all images have come by."""
        return self.gathering.finish()

    def overlap(self, start: int, count: int) -> slice:
        """Which images of the batch start ... start + count - 1 belong to this span; empty if none do."""
        return slice(max(0, self.first - start), max(0, min(count, self.first + self.images - start)))


def gather(
    draw: ImageDraw, spans: Sequence[Span], batch: int, world: World, arrived: Callable[[int, int], None]
) -> None:
    """Draw the sequence in batches of `batch` as far as any span reaches; the main rank's gatherings keep all of it.

    The ranks draw and look at one batch after the other in turn. So the result does not depend on how many they are.
    `arrived` is told how many images have been looked at, and of how many.
    """
    end = max((span.first + span.images for span in spans), default=0)
    for round_ in range(0, end, batch * world.size):
        start = round_ + world.rank * batch
        look = partial(_look, draw, spans, start, min(batch, end - start))
        looked = on_every_rank(look, world)
        for rank, seen in enumerate(to_main_rank(looked, world)):
            for span, found in zip(spans, seen, strict=False):
                _keep(span, found, round_ + rank * batch)
        arrived(min(end, round_ + batch * world.size), end)


def feed(gathering: Gathering, images: Tensor, batch: int = 64) -> None:
    """Give it all of a set of images."""
    for first in range(0, len(images), batch):
        gathering.keep(first, gathering.extract(first, images[first : first + batch]))


def pieces(images: Tensor) -> tuple[Tensor, ...]:
    """A batch cut along its first axis, so that float copies of a piece stay small at any resolution."""
    return torch.split(images, max(1, _VALUES_AT_ONCE // images[0].numel()))


class _Found(NamedTuple):
    """What a span's gathering keeps of a batch."""

    extracted: Any  # None if no image of the batch belongs to the span
    seconds: float


def _look(draw: ImageDraw, spans: Sequence[Span], start: int, count: int) -> list[_Found]:
    """Nothing where the sequence ends before `start`."""
    if count <= 0:
        return []
    began = time.perf_counter()
    images = draw(start, count)
    drawn = time.perf_counter() - began
    assert images.dtype == torch.uint8, "an ImageDraw gives uint8"
    assert len(images) == count, "an ImageDraw gives as many images as it is asked for"
    return [_extracted(span, images, start, drawn) for span in spans]


def _extracted(span: Span, images: Tensor, start: int, drawn: float) -> _Found:
    wanted = images[span.overlap(start, len(images))]
    if len(wanted) == 0:
        return _Found(None, 0.0)
    began = time.perf_counter()
    extracted = span.gathering.extract(max(0, start - span.first), wanted)
    return _Found(extracted, drawn + time.perf_counter() - began)


def _keep(span: Span, found: _Found, start: int) -> None:
    if found.extracted is None:
        return
    began = time.perf_counter()
    span.gathering.keep(max(0, start - span.first), found.extracted)
    span.seconds += found.seconds + time.perf_counter() - began

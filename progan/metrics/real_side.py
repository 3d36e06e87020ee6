"""What generated images are compared with: real images, and the floor, which is what real images score themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from progan.distributed.agreement import from_main_rank, on_every_rank
from progan.distributed.world import World
from progan.metrics import MetricSpec
from progan.metrics.families import Families
from progan.metrics.features import FeatureNetwork
from progan.metrics.fidelity import VIEW
from progan.metrics.gathering import Progress, Span, gather
from progan.metrics.real_cache import Outcomes, RealCache
from progan.random import generator

RealDraw = Callable[[int, int, int], Tensor]  # (resolution, start, count) -> uint8 N3HW


@dataclass(frozen=True)
class RealSet:
    """A fixed sequence of real images, in random order unless all are compared at once: the floor compares the first
    images with the next ones, so a set sorted by class or by person would make it too high."""

    draw: RealDraw
    count: int
    fingerprint: str  # of the data
    order: str = ""  # whatever else decides which image comes when, and how it is turned
    is_mirrored: bool = False  # half of them

    def mirrored(self, seed: int) -> "RealSet":
        """Each image flipped left to right with probability 1/2, the same ones at every resolution: what a generator
        is compared with that was trained on images mirrored so (the published protocol)."""
        flips = torch.rand(self.count, generator=generator(seed, "metric-mirror", 0)) < 0.5

        def draw(resolution: int, start: int, count: int) -> Tensor:
            images = self.draw(resolution, start, count)
            return torch.where(flips[start : start + count, None, None, None], images.flip(-1), images)

        return replace(self, draw=draw, order=f"{self.order}, mirrored {seed}", is_mirrored=True)


class _Kept:
    """What is kept of some of the real images: known already, or known when its span has been drawn."""

    def __init__(self, known: Any, span: Span | None, store: Callable[[Any], None] = lambda found: None) -> None:
        """store: takes what was found by drawing."""
        self._known, self.span, self._store = known, span, store

    def all(self) -> Any:
        if self.span is not None:
            self._known, self.span = self.span.kept, None
            self._store(self._known)
        return self._known


@dataclass(frozen=True)
class _Part:
    """One set of real images for one metric."""

    kept: _Kept
    images: slice  # of what is kept


class RealSides:
    """Summaries of real images by metric, for one resolution at a time, and floors, which are kept for good.

    All ranks make the same calls; rank 0 has the summaries.
    """

    def __init__(self, families: Families, real: RealSet, cache: RealCache, batch: int, world: World) -> None:
        self._families, self._real, self._cache = families, real, cache
        self._batch, self._world = batch, world
        self._resolution = 0  # of the summaries
        self._summaries: dict[MetricSpec, Any] = {}
        self._floors: dict[tuple[MetricSpec, int], Outcomes] = {}

    def summary(self, spec: MetricSpec) -> Any:
        """Of the resolution that was prepared last; None where the metric needs no real images and has none."""
        return self._summaries[spec]

    def floor(self, spec: MetricSpec, resolution: int) -> Outcomes:
        """Empty when there are too few real images."""
        return self._floors.get((spec, resolution), {})

    def prepare(self, specs: Sequence[MetricSpec], resolution: int, progress: Progress) -> None:
        """Measure what is not known yet of the real images at `resolution` px; each image is drawn once for all."""
        if resolution != self._resolution:
            self._summaries.clear()
            self._resolution = resolution
        missing = [spec for spec in specs if spec not in self._summaries]
        self._recall_floors(missing)
        parts = self._parts(missing)
        kept = {id(part.kept): part.kept for some in parts.values() for part in some}
        spans = [one.span for one in kept.values() if one.span is not None]
        draw = partial(self._real.draw, resolution)
        gather(draw, spans, self._batch, self._world, partial(progress, f"real images at {resolution} px"))
        del kept, spans  # patches are large: each set is let go of when it is no longer needed
        on_every_rank(lambda: self._compare(parts, progress), self._world)

    def _parts(self, specs: Sequence[MetricSpec]) -> dict[MetricSpec, list[_Part]]:
        """The images to compare with and, unless the floor is known, as many others to compare them with."""
        shared: dict[Any, _Kept] = {}
        views = dict.fromkeys(self._families[spec.family].view for spec in specs)  # in an order all ranks share
        for view in filter(None, views):
            alike = [spec for spec in specs if self._families[spec.family].view == view]
            images = max(self._sets(spec) * spec.real_images for spec in alike)
            if images:
                shared[view] = self._shared(alike[0], images)
        return {spec: self._parts_of(spec, shared.get(self._families[spec.family].view)) for spec in specs}

    def _parts_of(self, spec: MetricSpec, shared: _Kept | None) -> list[_Part]:
        numbers, images = range(self._sets(spec)), spec.real_images
        if shared is not None:
            return [_Part(shared, slice(number * images, (number + 1) * images)) for number in numbers]
        return [
            _Part(_Kept(None, self._span(spec, role, number * images, images)), slice(0, images))
            for number, role in zip(numbers, ("real", "more real"), strict=False)
        ]

    def _shared(self, spec: MetricSpec, images: int) -> _Kept:
        """What families of one view keep of the first `images`; features are worth keeping on disk."""
        if self._families[spec.family].view != VIEW:
            return _Kept(None, self._span(spec, "real", 0, images))
        network, resolution = self._families.network(), self._resolution
        known = self._cache.features(resolution, network, images) if self._world.is_main else None
        if from_main_rank(lambda: known is not None, self._world):
            return _Kept(known, None)
        span = self._span(spec, "real", 0, images)
        return _Kept(None, span, lambda found: self._cache.keep_features(resolution, network, found))

    def _span(self, spec: MetricSpec, role: str, first: int, images: int) -> Span:
        return Span(self._families[spec.family].gather(self._resolution, images, role), first, images)

    def _sets(self, spec: MetricSpec) -> int:
        """How many sets of real images it takes: none if there are too few."""
        if self._real.count < spec.real_images:
            return 0
        wanted = spec.row.needs_real and (spec, self._resolution) not in self._floors
        return 2 if wanted and self._real.count >= 2 * spec.real_images else 1

    def _compare(self, parts: dict[MetricSpec, list[_Part]], progress: Progress) -> None:
        if not self._world.is_main:
            self._summaries.update(dict.fromkeys(parts))
            return
        for spec in list(parts):
            self._world.pulse.beat()
            progress(f"{spec.name}: comparing real images at {self._resolution} px", 0, 0)
            family = self._families[spec.family]
            summaries = [family.summary(part.kept.all(), part.images) for part in parts[spec]]
            del parts[spec]
            self._summaries[spec] = summaries[0] if summaries else None
            if len(summaries) == 2:
                self._keep_floor(spec, family.compare(*summaries))
            elif summaries and not spec.row.needs_real:
                self._keep_floor(spec, family.compare(None, summaries[0]))

    def _recall_floors(self, specs: Sequence[MetricSpec]) -> None:
        """What the main rank has measured or finds on disk all of them know, for it decides what is drawn."""

        def recall() -> dict[MetricSpec, Outcomes | None]:
            wanted = [spec for spec in specs if spec.row.needs_real]
            return {spec: self._floors.get((spec, self._resolution)) or self._kept_floor(spec) for spec in wanted}

        for spec, floor in from_main_rank(recall, self._world).items():
            if floor is not None:
                self._floors[spec, self._resolution] = floor

    def _kept_floor(self, spec: MetricSpec) -> Outcomes | None:
        return self._cache.floor(spec, self._resolution, self._network(spec))

    def _keep_floor(self, spec: MetricSpec, floor: Outcomes) -> None:
        self._floors[spec, self._resolution] = floor
        if spec.row.needs_real:
            self._cache.keep_floor(spec, self._resolution, self._network(spec), floor)

    def _network(self, spec: MetricSpec) -> FeatureNetwork | None:
        return self._families.network() if spec.row.needs_network else None

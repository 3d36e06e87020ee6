"""Measures the metrics of a run: the same names, seed and images give the same numbers."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from progan.distributed.agreement import on_every_rank, to_all_ranks
from progan.distributed.world import World
from progan.metrics import MetricSpec, parse
from progan.metrics.families import Families
from progan.metrics.fidelity import result_name
from progan.metrics.gathering import ImageDraw, Outcome, Span, gather
from progan.types import DataError

RealDraw = Callable[[int, int, int], Tensor]  # (resolution, start, count) -> uint8 N3HW
Progress = Callable[[str], None]


@dataclass(frozen=True)
class _RealSide:
    """What is known of the real images for one metric at one resolution."""

    summary: Any  # what the family compares generated images with; None where it needs no real images and has none
    floor: Outcome | None  # None when there are too few real images


class Evaluator:
    """Compares generated with real images.

    `real` must be a fixed sequence in random order: the floor compares its first images with its next ones, so a data
    set sorted by class or by person would make it too high. `batch` must stay the same for runs to agree to the last
    digit. The real side of a metric is measured once and kept while the resolution stays the same: for SWD 75 kB an
    image and level (module sliced_wasserstein), for FID 34 MB. Floors are kept for good.
    """

    def __init__(
        self,
        names: Sequence[str | MetricSpec],
        real: RealDraw,
        real_count: int,
        seed: int,
        device: torch.device | str,
        weights: Path | None,
        data_fingerprint: str,
        batch: int = 64,
        world: World | None = None,
    ) -> None:
        """ConfigError for a name that is no metric. `weights`: the Inception weights; None: the usual places.

        batch: even, so that pairs stay together. world: the processes that share the work, all of which make the same
        calls; the values do not depend on how many they are, and rank 0 has them.
        """
        assert batch % 2 == 0, "pairs of images stay together"
        self._world = world or World()
        specs = [parse(name) if isinstance(name, str) else name for name in names]
        self._specs = list(dict.fromkeys(specs))  # a name given twice is measured once
        self._real, self._real_count = real, real_count
        self._seed, self._fingerprint, self._batch = seed, data_fingerprint, batch
        self._families = Families(seed, torch.device(device), weights)
        self._resolution = 0  # of the real sides that are kept
        self._real_sides: dict[MetricSpec, _RealSide] = {}
        self._floors: dict[tuple[MetricSpec, int], Outcome] = {}

    def preflight(self, resolution: int) -> list[str]:
        """A line for each metric that cannot be measured, with the remedy; `measure` leaves those out.

        A metric that is not defined at so small a resolution is left out without a line: it will be at a later one.
        Looks for the Inception weights, and tries to fetch them, when a metric needs them.
        """
        obstacles = self._obstacles(resolution)
        return [f"{spec.name}: left out: {obstacle}" for spec, obstacle in obstacles.items() if obstacle]

    def result_names(self, resolution: int) -> list[str]:
        """The names of the records `measure` gives at `resolution` px."""
        return [self._identity(spec)[0] for spec in self._measurable(resolution)]

    def measure(self, fake: ImageDraw, resolution: int, progress: Progress | None = None) -> list[dict[str, Any]]:
        """Records of all metrics that can be measured of images of `resolution` px, in the order of the names; on the
        main rank.

        `fake` draws images that are independent of one another, labels included. DataError when a value is not finite.
        """
        tell = progress or (lambda line: None)
        specs = self._measurable(resolution)
        self._prepare_real_sides(specs, resolution, tell)
        spans = {spec: self._span(spec, resolution, "fake", first=0) for spec in specs}
        self._gather(fake, list(spans.values()), f"generated images at {resolution} px", tell)

        def records() -> list[dict[str, Any]]:
            return [self._record(spec, resolution, spans.pop(spec), tell) for spec in specs if self._world.is_main]

        return on_every_rank(records, self._world)[0]

    def _measurable(self, resolution: int) -> list[MetricSpec]:
        return [spec for spec, obstacle in self._obstacles(resolution).items() if obstacle is None]

    def _obstacles(self, resolution: int) -> dict[MetricSpec, str | None]:
        """What is in the way of each metric that is defined; what is in the way of one rank is so for all."""
        mine = {spec: self._obstacle(spec) for spec in self._defined(resolution)}
        ranks = to_all_ranks(list(mine.values()), self._world)
        return {spec: next(filter(None, found), None) for spec, *found in zip(mine, *ranks, strict=True)}

    def _defined(self, resolution: int) -> list[MetricSpec]:
        return [spec for spec in self._specs if resolution >= spec.row.minimum_resolution]

    def _obstacle(self, spec: MetricSpec) -> str | None:
        """Why the metric cannot be measured, with the remedy; None when it can."""
        if spec.row.needs_real and self._real_count < spec.images:
            fitting = self._real_count // spec.row.k
            remedy = f"ask for {spec.family}{fitting}k" if fitting else "prepare more images"
            return f"it compares with {spec.images} real images and there are {self._real_count}; {remedy}"
        try:
            if spec.row.needs_weights:
                self._families.weights()
        except DataError as error:
            return str(error)
        return None

    def _prepare_real_sides(self, specs: Sequence[MetricSpec], resolution: int, tell: Progress) -> None:
        if resolution != self._resolution:
            self._real_sides.clear()
            self._resolution = resolution
        sets = {spec: self._real_sets(spec, resolution) for spec in specs if spec not in self._real_sides}
        self._gather(
            lambda start, count: self._real(resolution, start, count),
            [span for spans in sets.values() for span in spans],
            f"real images at {resolution} px",
            tell,
        )

        def compare() -> None:
            for spec in list(sets):
                tell(f"{spec.name}: comparing real images at {resolution} px")
                self._real_sides[spec] = self._real_side(spec, resolution, sets.pop(spec))  # popped: patches are large

        on_every_rank(compare, self._world)

    def _real_sets(self, spec: MetricSpec, resolution: int) -> list[Span]:
        """The real images to compare with and, unless its floor is known, as many others to compare them with."""
        if self._real_count < spec.images:
            return []
        sets = [self._span(spec, resolution, "real", first=0)]
        if self._two_real_sets(spec) and (spec, resolution) not in self._floors:
            sets.append(self._span(spec, resolution, "more real", first=spec.images))
        return sets

    def _two_real_sets(self, spec: MetricSpec) -> bool:
        return spec.row.needs_real and self._real_count >= 2 * spec.images

    def _real_side(self, spec: MetricSpec, resolution: int, sets: list[Span]) -> _RealSide:
        summaries = [span.gathering.finish() for span in sets if self._world.is_main]
        family = self._families[spec.family]
        if len(summaries) == 2:
            self._floors[spec, resolution] = family.compare(summaries[0], summaries[1])
        elif summaries and not spec.row.needs_real:
            self._floors[spec, resolution] = family.compare(None, summaries[0])
        return _RealSide(summaries[0] if summaries else None, self._floors.get((spec, resolution)))

    def _span(self, spec: MetricSpec, resolution: int, role: str, first: int) -> Span:
        gathering = self._families[spec.family].gather(resolution, spec.images, role)
        return Span(gathering, first, spec.images)

    def _gather(self, draw: ImageDraw, spans: list[Span], what: str, tell: Progress) -> None:
        if spans:
            tell(f"drawing {max(span.first + span.images for span in spans)} {what}")
            gather(draw, spans, self._batch, self._world)

    def _record(self, spec: MetricSpec, resolution: int, fake: Span, tell: Progress) -> dict[str, Any]:
        tell(f"{spec.name}: comparing generated images at {resolution} px")
        began = time.perf_counter()
        side = self._real_sides[spec]
        outcome = self._families[spec.family].compare(side.summary, fake.gathering.finish())
        seconds = fake.seconds + time.perf_counter() - began
        name, sha256 = self._identity(spec)
        return {
            "metric": name,
            "value": _finite(outcome.value, f"{name} at {resolution} px"),
            "floor": _finite(side.floor.value, f"{name} of real images at {resolution} px") if side.floor else None,
            "resolution": resolution,
            "provenance": {
                "count": spec.count,  # of what the family counts: images or pairs
                "real_count": self._real_count,
                "seed": self._seed,
                "batch": self._batch,
                "weights_sha256": sha256,
                "data_fingerprint": self._fingerprint,
                "details": _details(outcome, side.floor),
                "floor_note": self._floor_note(spec),
                "versions": _versions(spec),
                "seconds": round(seconds, 3),  # of drawing, gathering and comparing the generated images
            },
        }

    def _identity(self, spec: MetricSpec) -> tuple[str, str | None]:
        """The name of the result, and the sha256 of the weights it was made with."""
        if not spec.row.needs_weights:
            return spec.name, None
        weights = self._families.weights()
        return result_name(spec.name.removeprefix(spec.family), weights), weights.sha256

    def _floor_note(self, spec: MetricSpec) -> str:
        if self._real_count < 2 * spec.count:
            return f"no floor: it takes {2 * spec.count} real images and there are {self._real_count}"
        if not spec.row.needs_real:
            return f"the value of {spec.count} {spec.row.counts} of real images"
        return f"the first {spec.count} real images against the next {spec.count}"


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise DataError(f"{what}: the value is {value}; look at the images, and at the weights if it needs any")
    return value


def _details(outcome: Outcome, floor: Outcome | None) -> dict[str, Any]:
    """The outcome's details, the floor's beside them under `floor_...`."""
    beside = {} if floor is None else {f"floor_{name}": detail for name, detail in floor.details.items()}
    return {**outcome.details, **beside}


def _versions(spec: MetricSpec) -> dict[str, str]:
    packages = ("torch", "numpy", *(("torch-fidelity",) if spec.row.needs_weights else ()))
    return {package: version(package) for package in packages}

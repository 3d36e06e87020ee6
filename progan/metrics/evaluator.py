"""Measures the metrics of a run: the same names, seed and images give the same numbers."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from progan import __version__
from progan.distributed.agreement import on_every_rank, to_all_ranks
from progan.distributed.world import World
from progan.metrics import MetricSpec, obstacles, parse, result_name
from progan.metrics.families import Families
from progan.metrics.features import FeatureNetwork
from progan.metrics.gathering import ImageDraw, Outcome, Progress, Span, gather, silent
from progan.metrics.interval import confidence_interval
from progan.metrics.obstacles import Supply
from progan.metrics.real_cache import Outcomes, RealCache
from progan.metrics.real_side import RealSet, RealSides
from progan.types import DataError


@dataclass(frozen=True)
class _Measured:
    """A metric of one set of generated images."""

    outcomes: Outcomes
    seconds: float  # of drawing, gathering and comparing


class Evaluator:
    """Compares generated with real images.

    `batch` must stay the same for runs to agree to the last digit. The real side of a metric is measured once and kept
    while the resolution stays the same: for SWD 75 kB an image and level (module sliced_wasserstein), for the metrics
    of features 12 kB an image, which are kept in `cache` as well. Floors are kept for good.
    """

    def __init__(
        self,
        names: Sequence[str | MetricSpec],
        real: RealSet,
        seed: int,
        device: torch.device | str,
        load_network: Callable[[], FeatureNetwork],
        cache: Path | None = None,
        batch: int = 64,
        world: World | None = None,
        note: Callable[[str], None] = lambda line: None,
    ) -> None:
        """ConfigError for a name that is no metric.

        seed: of everything that is drawn here. load_network: gives the network whose features are compared; DataError
        where it cannot. cache: a folder; None: nothing is kept on disk. batch: even, so that pairs stay together.
        world: the processes that share the work, all of which make the same calls; the values do not depend on how many
        they are, and rank 0 has them. note: takes lines on what goes wrong but costs only time.
        """
        assert batch % 2 == 0, "pairs of images stay together"
        self._world = world or World()
        specs = [parse(name) if isinstance(name, str) else name for name in names]
        self._specs = list(dict.fromkeys(specs))  # a name given twice is measured once
        self._real, self._seed, self._batch = real, seed, batch
        device = torch.device(device)
        self._families = Families(seed, device, load_network)
        facts = {
            "data": real.fingerprint,
            "order": real.order,
            "seed": seed,
            "batch": batch,
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "versions": _versions(),
        }
        self._sides = RealSides(self._families, real, RealCache(cache, facts, note), batch, self._world)

    def preflight(self, resolution: int) -> list[str]:
        """A line for each metric that cannot be measured, with the remedy; `measure` leaves those out.

        A metric that is not defined at so small a resolution has none: see `undefined`.
        Loads the network when a metric needs it, and so tries to fetch the Inception weights where they are not there.
        """
        return obstacles.left_out(self._obstacles(resolution))

    def undefined(self, resolution: int) -> list[str]:
        """A line for each metric that is not defined at so small a resolution; at a later one it may be."""
        return obstacles.left_out({spec: obstacles.of_resolution(spec, resolution) for spec in self._specs})

    def results(self, resolution: int) -> dict[str, str | None]:
        """The names of the records `measure` gives at `resolution` px, with the sha256 of the weights it takes."""
        return {
            self._name(spec, result): self._network_facts(spec)["weights_sha256"]
            for spec in self._measurable(resolution)
            for result in spec.row.results
        }

    def measure(self, fakes: Sequence[ImageDraw], resolution: int, progress: Progress = silent) -> list[dict[str, Any]]:
        """Records of all metrics that can be measured of images of `resolution` px, in the order of the names; on the
        main rank.

        Each of `fakes` draws a set of images of one generator that are independent of one another, labels included. Of
        several sets the value is the mean, with a 95 % interval. DataError when a value is not finite.
        """
        specs = self._measurable(resolution)
        self._sides.prepare(specs, resolution, progress)
        sets = [self._measure_set(fake, specs, resolution, progress) for fake in fakes]

        def records() -> list[dict[str, Any]]:
            return [
                self._record(spec, result, resolution, [measured[spec] for measured in sets])
                for spec in specs
                for result in spec.row.results
                if self._world.is_main
            ]

        return on_every_rank(records, self._world)

    def _measure_set(
        self, fake: ImageDraw, specs: Sequence[MetricSpec], resolution: int, progress: Progress
    ) -> dict[MetricSpec, _Measured]:
        """On the main rank."""
        spans = self._spans(specs, resolution)
        what = f"generated images at {resolution} px"
        gather(fake, list(dict.fromkeys(spans.values())), self._batch, self._world, partial(progress, what))

        def compare() -> dict[MetricSpec, _Measured]:
            return {spec: self._measured(spec, spans.pop(spec), progress) for spec in specs if self._world.is_main}

        return on_every_rank(compare, self._world)

    def _spans(self, specs: Sequence[MetricSpec], resolution: int) -> dict[MetricSpec, Span]:
        """Families that look at an image alike share a span, as long as the largest of them needs."""
        spans: dict[Any, Span] = {}
        for spec in sorted(specs, key=lambda spec: -spec.images):
            family = self._families[spec.family]
            key = spec if family.view is None else family.view
            if key not in spans:
                spans[key] = Span(family.gather(resolution, spec.images, "fake"), 0, spec.images)
        return {spec: spans[self._families[spec.family].view or spec] for spec in specs}

    def _measured(self, spec: MetricSpec, span: Span, progress: Progress) -> _Measured:
        self._world.pulse.beat()
        progress(f"{spec.name}: comparing generated images", 0, 0)
        began = time.perf_counter()
        family = self._families[spec.family]
        summary = family.summary(span.kept, slice(0, spec.images))
        outcomes = family.compare(self._sides.summary(spec), summary)
        return _Measured(outcomes, span.seconds + time.perf_counter() - began)

    def _measurable(self, resolution: int) -> list[MetricSpec]:
        return [spec for spec, obstacle in self._obstacles(resolution).items() if obstacle is None]

    def _obstacles(self, resolution: int) -> dict[MetricSpec, str | None]:
        """What is in the way of each metric that is defined; what is in the way of one rank is so for all."""
        mine = {spec: self._obstacle(spec) for spec in self._defined(resolution)}
        ranks = to_all_ranks(list(mine.values()), self._world)
        return {spec: next(filter(None, found), None) for spec, *found in zip(mine, *ranks, strict=True)}

    def _defined(self, resolution: int) -> list[MetricSpec]:
        return [spec for spec in self._specs if obstacles.of_resolution(spec, resolution) is None]

    def _obstacle(self, spec: MetricSpec) -> str | None:
        """Why the metric cannot be measured, with the remedy; None when it can."""
        found = obstacles.of_number(spec, Supply("the generator", None), Supply("the real set", self._real.count))
        try:
            if found is None and spec.row.needs_network:
                self._families[spec.family]
        except DataError as error:
            return str(error)
        return found

    def _record(self, spec: MetricSpec, result: str, resolution: int, sets: Sequence[_Measured]) -> dict[str, Any]:
        name, floor = self._name(spec, result), self._sides.floor(spec, resolution).get(result)
        values = [_finite(one.outcomes[result].value, f"{name} at {resolution} px") for one in sets]
        return {
            "metric": name,
            "value": sum(values) / len(values),
            "interval": confidence_interval(values),
            "floor": _finite(floor.value, f"{name} of real images at {resolution} px") if floor else None,
            "resolution": resolution,
            "provenance": {
                "count": spec.count,  # of what the family counts: images or pairs
                "real_count": self._real.count,
                "seed": self._seed,
                "values": values,
                "batch": self._batch,
                "processes": self._world.size,
                **self._network_facts(spec),
                "data_fingerprint": self._real.fingerprint,
                "real_order": self._real.order,
                "real_mirrored": self._real.is_mirrored,
                "details": _details(sets[0].outcomes[result], floor),
                "floor_note": self._floor_note(spec),
                "versions": _versions(),
                "seconds": round(sum(one.seconds for one in sets), 3),  # shared by metrics of the same features
            },
        }

    def _name(self, spec: MetricSpec, result: str) -> str:
        return result_name(spec, result, self._families.network().mark if spec.row.needs_network else "")

    def _network_facts(self, spec: MetricSpec) -> dict[str, str | None]:
        if not spec.row.needs_network:
            return {"weights_sha256": None, "preprocessing": "none: uint8 as it is shown"}
        network = self._families.network()
        return {"weights_sha256": network.sha256, "preprocessing": network.preprocessing}

    def _floor_note(self, spec: MetricSpec) -> str:
        needed = spec.real_images_and_floor
        if self._real.count < needed:
            return f"no floor: it takes {needed} real images and there are {self._real.count}"
        if not spec.row.needs_real:
            return f"the value of {spec.real_count} real {spec.row.counts}"
        return f"the first {spec.real_count} real images against the next {spec.real_count}"


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise DataError(f"{what}: the value is {value}; look at the images, and at the weights if it needs any")
    return value


def _details(outcome: Outcome, floor: Outcome | None) -> dict[str, Any]:
    """The outcome's details, the floor's beside them under `floor_...`."""
    beside = {} if floor is None else {f"floor_{name}": detail for name, detail in floor.details.items()}
    return {**outcome.details, **beside}


def _versions() -> dict[str, str]:
    return {"progan": __version__} | {name: version(name) for name in ("torch", "numpy", "torch-fidelity")}

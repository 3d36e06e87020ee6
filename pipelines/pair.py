"""Two sides of a comparison: what can be measured of them, and the records of it."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.console import say
from pipelines.measuring import evaluator_of
from pipelines.sides import Side
from progan.data.folder_images import Size
from progan.distributed.world import World
from progan.metrics import MetricSpec, obstacles, of_all, parse
from progan.metrics.evaluator import Evaluator
from progan.metrics.features import FeatureNetwork
from progan.metrics.gathering import Progress
from progan.metrics.obstacles import Supply
from progan.metrics.real_side import RealSet
from progan.metrics.table import METRICS
from progan.types import DataError

LoadNetwork = Callable[[], FeatureNetwork]


@dataclass(frozen=True)
class Pair:
    """Generated and real images of one size."""

    generated: Side
    real: Side
    size: Size
    mirror: bool = False  # half of the real images

    @property
    def resolution(self) -> int:
        """The shorter side, in px."""
        return min(self.size)

    def spec(self, name: str) -> MetricSpec:
        """What a metric's name asks for; a family without a number asks for all images. ConfigError for no metric."""
        if name not in METRICS:
            return parse(name)
        assert self.real.count is not None, "real images have an end"
        generated = self.real.count if self.generated.count is None else self.generated.count
        return of_all(name, generated, self.real.count)

    def measurable(self, specs: Sequence[MetricSpec]) -> list[MetricSpec]:
        """Those that can be measured of these sets; a line for each other. DataError where none is left."""
        found = {spec: self._obstacle(spec) for spec in specs}
        measurable = [spec for spec, obstacle in found.items() if obstacle is None]
        _tell(obstacles.left_out(found), something_is_left=bool(measurable))
        return measurable

    def measure(
        self,
        specs: Sequence[MetricSpec],
        load_network: LoadNetwork,
        cache: Path | None,
        world: World,
        progress: Progress,
    ) -> list[dict[str, Any]]:
        """Records, on the main rank; those that take the images by name come first.

        DataError where nothing can be measured, or where a set is not what its first image promised.
        """
        prints = self.generated.fingerprint(progress), self.real.fingerprint(progress)
        load_once = functools.cache(load_network)
        evaluators = {
            by_name: self._evaluator(some, by_name, prints[1], load_once, cache, world)
            for by_name in (True, False)
            if (some := [spec for spec in specs if _is_by_name(spec) == by_name])
        }
        problems = [problem for evaluator in evaluators.values() for problem in evaluator.preflight(self.resolution)]
        _tell(problems, any(evaluator.results(self.resolution) for evaluator in evaluators.values()))
        return [
            record | {"provenance": record["provenance"] | self._facts(prints, by_name)}
            for by_name, evaluator in evaluators.items()
            for record in self._records(evaluator, by_name, progress)
        ]

    def _evaluator(
        self,
        specs: Sequence[MetricSpec],
        by_name: bool,
        fingerprint: str,
        load_network: LoadNetwork,
        cache: Path | None,
        world: World,
    ) -> Evaluator:
        """Of metrics that take the images in one order."""
        ordered = self.real.ordered(by_name)
        real = RealSet(ordered.draw, self.real.count or 0, fingerprint, ordered.order)
        return evaluator_of(specs, real, load_network, self.mirror, cache, world)

    def _records(self, evaluator: Evaluator, by_name: bool, progress: Progress) -> list[dict[str, Any]]:
        draw = functools.partial(self.generated.ordered(by_name).draw, self.resolution)
        records = evaluator.measure([draw], self.resolution, progress)
        return [record | {"images_seen": self.generated.images_seen} for record in records]

    def _facts(self, prints: tuple[str, str], by_name: bool) -> dict[str, Any]:
        """What the provenance says of the sides."""
        roles = {"generated": self.generated, "real": self.real}
        return {
            role: {
                "source": side.name,
                "kind": side.kind,
                "fingerprint": fingerprint,
                "images": side.count,
                "size": self.size,
                "order": side.ordered(by_name).order,
                **side.facts,
            }
            for (role, side), fingerprint in zip(roles.items(), prints, strict=True)
        }

    def _obstacle(self, spec: MetricSpec) -> str | None:
        generated, real = (Supply(side.name, side.count) for side in (self.generated, self.real))
        small = obstacles.of_resolution(spec, self.resolution)
        return (
            obstacles.of_shape(spec, *self.size)
            or (small and f"{small}; give larger images")
            or obstacles.of_number(spec, generated, real)
        )


def _is_by_name(spec: MetricSpec) -> bool:
    """All images by their features, as torch-fidelity takes them. Pairs and parts must be random."""
    return spec.real is not None and spec.row.needs_network


def _tell(problems: Sequence[str], something_is_left: bool) -> None:
    """Say what is left out; DataError where that is all."""
    if problems and not something_is_left:
        raise DataError("; ".join(problems))
    for problem in problems:
        say(problem)

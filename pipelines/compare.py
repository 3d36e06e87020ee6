"""Compare: the metrics of any images against real ones, whatever made them."""

import functools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.console import measuring_progress, say
from pipelines.launch import make_accelerator, make_world, watched
from pipelines.measuring import CACHE, EVALUATION_SEED, evaluation_device, result
from pipelines.sides import Ordered, Side, is_run, open_side
from progan.config import validate
from progan.data.folder_images import Size
from progan.distributed.agreement import on_every_rank, on_main_rank
from progan.distributed.world import World
from progan.files import write_json
from progan.metrics import METRICS, MetricSpec, of_all, parse
from progan.metrics.classifier_file import classifier_network
from progan.metrics.evaluator import Evaluator
from progan.metrics.features import FeatureNetwork, inception
from progan.metrics.gathering import Progress
from progan.metrics.real_side import RealSet
from progan.metrics.weights import Place, check_weights, load_weights
from progan.rundir import RunDirectory
from progan.settings import Config
from progan.types import DataError


def compare(
    generated: str,
    real: str,
    metrics: Sequence[str],
    out: Path | None,
    weights: Path | None,
    network: Path | None,
    resolution: int | None,
    seed: int | None,
) -> None:
    """Say the metrics of `generated` against `real`, and write their records to `out` if it is given.

    seed: of the order of sets of which a part is compared; None: the run's where `generated` is one, so that the values
    are those of `progan evaluate`, else 0. Any number of processes may share the work, as a launcher starts them.
    """
    world = make_world(make_accelerator(None))
    with watched(world), ExitStack() as open_:
        seed = _seed_of(Path(generated)) if seed is None else seed

        open_one = partial(open_side, seed=seed, world=world, open_=open_)
        pair, _ = on_every_rank(lambda: _opened(generated, real, resolution, open_one), world)
        specs = pair.measurable([pair.spec(name) for name in metrics])
        progress = open_.enter_context(measuring_progress())
        records = pair.measure(specs, lambda: _network(weights, network), CACHE, world, progress)
        for record in records:
            say(f"{result(record)}  {generated} against {real}, {'x'.join(map(str, pair.size))} px")
        if out is not None:
            on_main_rank(lambda: write_json(out, records), world)


@dataclass(frozen=True)
class Pair:
    """Generated and real images of one size."""

    generated: Side
    real: Side
    size: Size

    def spec(self, name: str) -> MetricSpec:
        """What a metric's name asks for; a family without a number asks for all images. ConfigError for no metric."""
        if name not in METRICS:
            return parse(name)
        assert self.real.count is not None
        generated = self.real.count if self.generated.count is None else self.generated.count
        return of_all(name, generated, self.real.count)

    def measurable(self, specs: Sequence[MetricSpec]) -> list[MetricSpec]:
        """Those that can be measured of these sets; a line for each other. DataError where none is left."""
        obstacles = {spec: self._obstacle(spec) for spec in specs}
        _tell([f"{spec.name}: left out: {why}" for spec, why in obstacles.items() if why], not all(obstacles.values()))
        return [spec for spec, why in obstacles.items() if not why]

    def measure(
        self,
        specs: Sequence[MetricSpec],
        load_network: Callable[[], FeatureNetwork],
        cache: Path | None,
        world: World,
        progress: Progress,
    ) -> list[dict[str, Any]]:
        """Records, on the main rank; those of all images by their features come first.

        DataError where nothing can be measured, or a set is not what its first image promised.
        """
        prints = [side.fingerprint(progress) for side in (self.generated, self.real)]
        network = functools.cache(load_network)
        orders = {_is_by_name(spec) for spec in specs}
        measurements = [
            _Measurement(self, by_name, [spec for spec in specs if _is_by_name(spec) == by_name], *prints)
            for by_name in sorted(orders, reverse=True)
        ]
        evaluators = [measurement.evaluator(network, cache, world) for measurement in measurements]
        resolution = self.resolution
        problems = [problem for evaluator in evaluators for problem in evaluator.preflight(resolution)]
        _tell(problems, any(evaluator.result_names(resolution) for evaluator in evaluators))
        return [
            record
            for measurement, evaluator in zip(measurements, evaluators, strict=True)
            for record in measurement.records(evaluator, progress)
        ]

    @property
    def resolution(self) -> int:
        """The shorter side, in px."""
        return min(self.size)

    def _obstacle(self, spec: MetricSpec) -> str | None:
        """Why a metric cannot be measured, with the remedy; None when it can."""
        row, (width, height) = spec.row, self.size
        if not row.needs_network and (width != height or width & (width - 1)):
            rule = "it takes squares with a side of a power of two"
            return f"{rule}, and these images have {width}x{height} px; cut them so: progan prepare"
        if self.resolution < row.minimum_resolution:
            return f"it takes at least {row.minimum_resolution} px; give larger images"
        if min(spec.count, spec.real_count) < row.least:
            return f"it takes at least {row.least} {row.counts} on either side; give more"
        wanted = {self.generated: spec.images, self.real: spec.real_images if row.needs_real else 0}
        return next(filter(None, (_lack(spec, side, images) for side, images in wanted.items())), None)


@dataclass(frozen=True)
class _Measurement:
    """Metrics of a pair that take its images in one order."""

    pair: Pair
    by_name: bool
    specs: list[MetricSpec]
    generated_print: str
    real_print: str

    def evaluator(self, load_network: Callable[[], FeatureNetwork], cache: Path | None, world: World) -> Evaluator:
        real = self._ordered(self.pair.real)
        return Evaluator(
            names=self.specs,
            real=RealSet(real.draw, self.pair.real.count or 0, self.real_print, real.order),
            seed=EVALUATION_SEED,
            device=evaluation_device(),
            load_network=load_network,
            cache=cache,
            world=world,
            note=say,
        )

    def records(self, evaluator: Evaluator, progress: Progress) -> list[dict[str, Any]]:
        draw = partial(self._ordered(self.pair.generated).draw, self.pair.resolution)
        records = evaluator.measure([draw], self.pair.resolution, progress)
        seen = {"images_seen": self.pair.generated.images_seen}
        facts = {
            "generated": self._facts(self.pair.generated, self.generated_print),
            "real": self._facts(self.pair.real, self.real_print),
        }
        return [record | seen | {"provenance": record["provenance"] | facts} for record in records]

    def _ordered(self, side: Side) -> Ordered:
        return side.sorted if self.by_name else side.mixed

    def _facts(self, side: Side, fingerprint: str) -> dict[str, Any]:
        return {
            "source": side.name,
            "kind": side.kind,
            "fingerprint": fingerprint,
            "images": side.count,
            "size": self.pair.size,
            "order": self._ordered(side).order,
            **side.facts,
        }


def _opened(generated: str, real: str, resolution: int | None, open_: Callable[[str], Side]) -> Pair:
    sides = open_(generated), open_(real)
    if sides[1].count is None:
        raise DataError(f"{real}: a generator has no real images; give images or a prepared set as REAL")
    return Pair(*sides, _common_size(*sides, resolution))


def _common_size(generated: Side, real: Side, resolution: int | None) -> Size:
    """The largest that both can be had in, or `resolution`; DataError where there is none."""
    for side in (generated, real):
        if resolution is not None and (resolution, resolution) not in side.sizes:
            raise DataError(f"{side.name}: no images of {resolution} px, only of {_sizes(side)}; see --resolution")
    wanted = set(generated.sizes) & set(real.sizes)
    if not wanted:
        raise DataError(
            f"{generated.name} has images of {_sizes(generated)} and {real.name} of {_sizes(real)}: other sizes have "
            "other statistics; bring both to one size: progan prepare"
        )
    return max(wanted) if resolution is None else (resolution, resolution)


def _sizes(side: Side) -> str:
    return f"{', '.join(f'{width}x{height}' for width, height in side.sizes)} px"


def _is_by_name(spec: MetricSpec) -> bool:
    """All images by their features, as torch-fidelity takes them. Pairs and parts must be random."""
    return spec.real is not None and spec.row.needs_network


def _lack(spec: MetricSpec, side: Side, images: int) -> str | None:
    """What is in the way if a side has fewer images."""
    if side.count is None or side.count >= images:
        return None
    fitting = side.count // (spec.row.k * spec.row.images_each)
    remedy = f"ask for {spec.family}{fitting}k" if fitting else f"ask for {spec.family}, which takes all there are"
    return f"it takes {images} images and {side.name} has {side.count}; {remedy}"


def _tell(problems: Sequence[str], something_is_left: bool) -> None:
    """Say what is left out; DataError where that is all."""
    if problems and not something_is_left:
        raise DataError("; ".join(problems))
    for problem in problems:
        say(problem)


def _seed_of(generated: Path) -> int:
    """A run's own, so that its real images come in the order that `progan evaluate` has; else 0."""
    return validate(Config, RunDirectory(generated).read_config()).seed if is_run(generated) else 0


def _network(weights: Path | None, network: Path | None) -> FeatureNetwork:
    if network is not None:
        return classifier_network(network, evaluation_device())
    found = load_weights(None) if weights is None else check_weights(Place(weights, "--weights"))
    return inception(found, evaluation_device())

"""Figures of the device at hand, from a short measurement."""

import time
from collections.abc import Callable, Iterable, Iterator

import torch

from pipelines.device import device_memory, device_name, evaluation_device
from pipelines.drawing import images_of
from pipelines.measuring import EVALUATION_SEED, evaluator_of, load_network
from pipelines.planning.figures import Figure, stamp
from pipelines.planning.subject import Subject
from progan.engine.timing import time_rounds
from progan.engine.trial import RandomImages, Trial
from progan.metrics import MetricSpec, of_all, parse
from progan.metrics.real_side import RealSet
from progan.metrics.table import METRICS
from progan.schedule import Phase, Stage
from progan.systems.system import place, set_phase
from progan.types import DataError

FEW, MORE = 64, 192  # images a metric is measured of, to know what it takes of any number
Tell = Callable[[str], None]


def measure_rounds(subject: Subject, budget: float, patience: float, tell: Tell) -> Iterator[Figure]:
    """For each stage rounds for about `budget` seconds; none from where one would take longer than `patience` seconds.

    From small to large, each guessed by the one before.
    """
    before: tuple[float, float] | None = None  # seconds and FLOPs
    for stage in subject.schedule.stages:
        counted = subject.tally(stage)
        if before is not None and before[0] * counted.flops / before[1] > patience:
            tell(f"{stage.resolution} px: a round takes too long to be measured; see --patience")
            return
        tell(f"{stage.resolution} px{', fading' if stage.fading else ''}: playing rounds")
        try:
            seconds = _round_seconds(subject, stage, budget)
        except torch.OutOfMemoryError:
            tell(f"{stage.resolution} px: a round does not fit this device's memory")
            return
        before = seconds, counted.flops
        yield Figure(
            what="round",
            device=device_name(),
            resolution=stage.resolution,
            seconds=seconds,
            precision=subject.precision,
            flops=counted.flops,
            operations=counted.operations,
            memory=device_memory(),
            measured=stamp(),
        )


def _round_seconds(subject: Subject, stage: Stage, budget: float) -> float:
    device, system = evaluation_device(), subject.system()
    place(system, device)
    trial = Trial(system, subject.config.optim, subject.phase(stage), subject.data, device, subject.processes)
    return time_rounds(trial, device, budget).seconds


def measure_metrics(subject: Subject, resolutions: Iterable[int], tell: Tell) -> Iterator[Figure]:
    """Of each family that the settings ask for; one that cannot be measured is told once and left out."""
    left_out = set[str]()
    for resolution in resolutions:
        for family in dict.fromkeys(parse(name).family for name in subject.config.evaluation.metrics):
            if family in left_out or resolution < METRICS[family].minimum_resolution:
                continue
            tell(f"{resolution} px: measuring {family}")
            try:
                yield _metric(subject, family, resolution)
            except DataError as error:
                left_out.add(family)
                tell(f"{family}: not measured: {error}")


def _metric(subject: Subject, family: str, resolution: int) -> Figure:
    """From two measurements of few images and two of more: of each the second knows the real images already."""
    row = METRICS[family]
    sizes = (max(count, -(-row.least * count // FEW) * row.images_each) for count in (FEW, MORE))
    few, more = (of_all(family, images, images) for images in sizes)
    real_few, generated_few = _evaluation_seconds(subject, few, resolution)
    real_more, generated_more = _evaluation_seconds(subject, more, resolution)
    each = max(0.0, generated_more - generated_few) / (more.images - few.images)
    reals = more.real_images_and_floor - few.real_images_and_floor
    return Figure(
        what=family,
        device=device_name(),
        resolution=resolution,
        seconds=each,
        fixed_seconds=max(0.0, generated_few - each * few.images),
        real_seconds=max(0.0, real_more - real_few) / reals,
        measured=stamp(),
    )


def _evaluation_seconds(subject: Subject, spec: MetricSpec, resolution: int) -> tuple[float, float]:
    """Of the real images, and of the generated ones."""
    system = subject.system()
    set_phase(system.generator, Phase(0, resolution, 1.0, 1, 0.0))
    draw = images_of(system, resolution, EVALUATION_SEED)
    noise, reals = RandomImages(subject.data), 2 * spec.real_images
    real = RealSet(lambda px, start, count: noise.batch(px, 0, count, slice(None)).images, reals, "noise")
    evaluator = evaluator_of([spec], real, lambda: load_network(subject.config.evaluation))
    obstacles = evaluator.preflight(resolution)
    if obstacles:
        raise DataError(obstacles[0])
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        evaluator.measure([draw], resolution)
        seconds.append(time.perf_counter() - began)
    return max(0.0, seconds[0] - seconds[1]), seconds[1]

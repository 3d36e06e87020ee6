"""What a training will take: pure arithmetic on its settings, on what was counted and on figures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from pipelines.planning.figures import Figure, nearest
from pipelines.planning.memory import Memory
from pipelines.planning.subject import Subject
from progan.engine.settings import moments
from progan.engine.tally import Tally
from progan.metrics import MetricSpec, needed_bytes, parse
from progan.schedule import Stage, passes


@dataclass(frozen=True)
class ResolutionPlan:
    """All stages of one resolution."""

    resolution: int
    batch: int  # of all processes
    images: int
    seconds: float | None  # of training; None: there are no figures of the device
    guessed: bool  # from figures of another resolution
    memory_bytes: int  # of a process
    fits: int | None  # images that a process's memory holds at once, 0: none; None where its whole share fits
    evaluations: int
    evaluation_seconds: float | None  # of all of them
    evaluation_bytes: int  # that the main process needs beside the training while it measures


@dataclass(frozen=True)
class Sizes:
    """Bytes on disk."""

    checkpoint: int
    checkpoints: int  # how many are kept
    snapshot: int
    snapshots: int  # how many

    @property
    def total(self) -> int:
        return self.checkpoints * self.checkpoint + self.snapshots * self.snapshot


def plan_resolution(
    subject: Subject, stages: Sequence[Stage], figures: Sequence[Figure], memory: Memory
) -> ResolutionPlan:
    """`stages`: those of one resolution. figures: of one device."""
    resolution = stages[0].resolution
    largest = max(stages, key=lambda stage: subject.tally(stage).peak_bytes)
    held = subject.config.data.held_bytes(subject.data.count, resolution)
    used = [_round_figure(subject, stage, figures) for stage in stages]
    seconds = [_stage_seconds(subject, stage, figure) for stage, figure in zip(stages, used, strict=True)]
    evaluations = _evaluations(subject, stages)
    return ResolutionPlan(
        resolution=resolution,
        batch=stages[0].batch,
        images=stages[-1].end - stages[0].start,
        seconds=sum_known(seconds),
        guessed=any(figure is not None and figure.resolution != resolution for figure in used),
        memory_bytes=memory.needed(subject.tally(largest), held),
        fits=_fitting(subject, largest, memory, held),
        evaluations=evaluations,
        evaluation_seconds=_evaluation_seconds(subject, resolution, evaluations, figures),
        evaluation_bytes=needed_bytes(_specs(subject, resolution), resolution) if evaluations else 0,
    )


def _round_figure(subject: Subject, stage: Stage, figures: Sequence[Figure]) -> Figure | None:
    counted = subject.tally(stage)
    rounds = [one for one in figures if one.what == "round" and one.precision == subject.precision]
    return nearest(rounds, stage.resolution, counted.flops / max(counted.operations, 1.0))


def _stage_seconds(subject: Subject, stage: Stage, figure: Figure | None) -> float | None:
    if figure is None:
        return None
    rounds = math.ceil((stage.end - stage.start) / stage.batch)
    return rounds * figure.seconds * subject.tally(stage).flops / figure.flops


def _fitting(subject: Subject, stage: Stage, memory: Memory, held: int) -> int | None:
    """The most that fit, counted: a straight line from what stays between rounds to the peak says only where to begin.

    held: bytes of images in main memory. 0: none, or the share cannot be cut.
    """

    def fits(counted: Tally) -> bool:
        return memory.needed(counted, held) <= memory.room

    counted = subject.tally(stage)
    if fits(counted):
        return None
    if subject.config.system.indivisible:
        return 0
    share, group = subject.share(stage), subject.config.system.group
    share = subject.config.optim.part_size(stage.resolution, share, group)
    room = memory.room - memory.needed(replace(counted, peak_bytes=counted.state_bytes), held)
    most = room / max(1.0, (counted.peak_bytes - counted.state_bytes) / share)
    sizes = [size for size in range(group, share, group) if share % size == 0 and size <= most]
    return next((size for size in reversed(sizes) if fits(subject.tally(stage, size))), 0)


def _evaluations(subject: Subject, stages: Sequence[Stage]) -> int:
    """How often generators of these stages are measured; the untrained one is, at the last resolution."""
    config, total = subject.config.evaluation, subject.schedule.total_images
    if not config.metrics:
        return 0
    interval = round(1000 * config.every_kimg)
    first, last = stages[0].start, stages[-1].end
    due = last // interval - first // interval
    ends = last == total
    return due + ends * (1 + (not passes(last - 1, last, interval)))


def _evaluation_seconds(subject: Subject, resolution: int, evaluations: int, figures: Sequence[Figure]) -> float | None:
    """Of so many, and of the real images once."""
    total = 0.0
    for spec in _specs(subject, resolution) if evaluations else ():
        figure = nearest([one for one in figures if one.what == spec.family], resolution)
        if figure is None:
            return None
        pixels = (resolution / figure.resolution) ** 2
        each = figure.fixed_seconds + pixels * figure.seconds * spec.images
        total += (
            evaluations * subject.config.evaluation.seeds * each
            + pixels * figure.real_seconds * spec.real_images_and_floor
        )
    return total


def _specs(subject: Subject, resolution: int) -> list[MetricSpec]:
    """That are defined at the resolution."""
    specs = map(parse, subject.config.evaluation.metrics)
    return [spec for spec in specs if resolution >= spec.row.minimum_resolution]


def sizes(subject: Subject) -> Sizes:
    """Of what a run writes."""
    system, cadence = subject.example, subject.config.cadence
    generator, discriminator = (_bytes(network) for network in (system.generator, system.discriminator))
    kept = {role: moments(subject.config.optim.optimizer(role)) for role in system.networks}
    objectives = sum(_bytes(objective) for objective in system.objectives.values())
    return Sizes(
        checkpoint=(2 + kept["generator"]) * generator + (1 + kept["discriminator"]) * discriminator + objectives,
        checkpoints=cadence.keep_checkpoints,
        snapshot=generator + discriminator,
        snapshots=_saves(subject),
    )


def _saves(subject: Subject) -> int:
    """How often state is saved: at the ticks by which a checkpoint or a measurement is due, and at the end."""
    schedule, cadence, evaluation = subject.schedule, subject.config.cadence, subject.config.evaluation
    intervals = [cadence.checkpoint_kimg, *([evaluation.every_kimg] if evaluation.metrics else [])]
    due = [
        number * 1000 * interval
        for interval in intervals
        for number in range(1, int(schedule.total_images / 1000 / interval) + 1)
    ]

    def tick(moment: float) -> int:
        stage_end = next(stage.end for stage in schedule.stages if stage.end >= moment)
        return min(stage_end, math.ceil(moment / cadence.tick_images) * cadence.tick_images)

    return len({*map(tick, due), schedule.total_images})


def _bytes(module: nn.Module) -> int:
    tensors: list[Tensor] = list(module.state_dict().values())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def sum_known(values: Sequence[float | None]) -> float | None:
    """None where one of them is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None

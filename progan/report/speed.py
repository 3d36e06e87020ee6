"""Speed and memory of a training at each resolution."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from progan.report.records import TickRecord


@dataclass(frozen=True)
class Speed:
    """What was recorded while training at one resolution, its fade included."""

    resolution: int  # pixels
    images: int  # seen there
    batches: tuple[int, ...]  # images of a round; more than one where it was changed
    images_per_second: float  # median over ticks
    outside: float | None  # share of the time spent on samples, checkpoints and evaluation; None where no time passed
    memory_mb: float | None  # the largest until then; None where it cannot be told
    seconds: float


def speeds(ticks: Sequence[TickRecord]) -> list[Speed]:
    """One for each resolution, smallest first; `ticks` in the order of images seen."""
    return [_speed(resolution, ticks) for resolution in sorted({tick.resolution for tick in ticks})]


def _speed(resolution: int, ticks: Sequence[TickRecord]) -> Speed:
    first = next(index for index, tick in enumerate(ticks) if tick.resolution == resolution)
    here = [tick for tick in ticks if tick.resolution == resolution]
    before = ticks[first - 1].images_seen if first else 0
    training, maintenance = sum(tick.seconds for tick in here), sum(tick.maintenance_seconds for tick in here)
    used = [tick.memory_mb for tick in here if tick.memory_mb is not None]
    return Speed(
        resolution=resolution,
        images=here[-1].images_seen - before,
        batches=tuple(sorted({tick.batch for tick in here})),
        images_per_second=median(tick.images_per_second for tick in here),
        outside=maintenance / (training + maintenance) if training + maintenance > 0 else None,
        memory_mb=max(used, default=None),
        seconds=training + maintenance,
    )

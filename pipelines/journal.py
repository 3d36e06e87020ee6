"""The record of a training: stats.jsonl, TensorBoard, the progress line."""

import math
from collections.abc import Sequence
from typing import Any

from accelerate import Accelerator
from torch import Tensor

from pipelines.console import TrainingProgress
from pipelines.device import peak_memory
from progan.engine.train import Tick
from progan.report.records import TickRecord, read_ticks
from progan.rundir import RunDirectory
from progan.schedule import Schedule, Stage

# Guess of a resolution's cost until it is measured: the published maps halve as pixels quadruple.
SLOWER_PER_DOUBLING = 2.0


class Journal:
    """Appends ticks of the main process; earlier ticks of a resumed run count towards speed and elapsed time."""

    def __init__(
        self, run: RunDirectory, schedule: Schedule, accelerator: Accelerator, progress: TrainingProgress
    ) -> None:
        self._run = run
        self._schedule = schedule
        self._accelerator = accelerator
        self._progress = progress
        earlier = read_ticks(run)
        self._rates: dict[int, float] = {tick.resolution: tick.images_per_second for tick in earlier}
        self._elapsed = earlier[-1].elapsed_seconds if earlier else 0.0
        # Events after the resumed checkpoint would be drawn over by the new ones.
        purge = {"purge_step": earlier[-1].images_seen + 1 if earlier else 0}
        accelerator.init_trackers(run.tensorboard.name, init_kwargs={"tensorboard": purge})

    def append(self, tick: Tick) -> None:
        if not self._accelerator.is_main_process:
            return
        record = self._record(tick)
        line = record.model_dump()
        self._run.append_stats(line)
        flat = {key: value for key, value in line.items() if isinstance(value, float)}
        self._accelerator.log(flat | record.losses, step=tick.images_seen)
        phase = tick.phase
        left = self._seconds_left(tick.images_seen, phase.resolution)
        self._progress.update(tick.images_seen, phase.resolution, phase.fade, record.images_per_second, left)

    def append_results(self, records: Sequence[dict[str, Any]]) -> None:
        """Of measurements; they stand in metrics.jsonl already."""
        for record in records:
            self._accelerator.log({f"metrics/{record['metric']}": record["value"]}, step=record["images_seen"])

    def show(self, sheet: Tensor, images_seen: int) -> None:
        """Put a sheet of samples (HW3 uint8) into TensorBoard."""
        tracker = self._accelerator.get_tracker("tensorboard")
        tracker.log_images({"samples": sheet.unsqueeze(0).numpy()}, step=images_seen, dataformats="NHWC")

    def _record(self, tick: Tick) -> TickRecord:
        rate = tick.images / tick.seconds
        self._rates[tick.phase.resolution] = rate
        self._elapsed += tick.seconds + tick.maintenance_seconds
        stage = self._schedule.stages[tick.phase.index]
        return TickRecord(
            images_seen=tick.images_seen,
            resolution=tick.phase.resolution,
            fade=tick.phase.fade,
            fading=stage.fading,
            phase=tick.phase.index,
            batch=tick.phase.batch,
            lr=tick.phase.lr,
            images_per_second=rate,
            seconds=tick.seconds,
            maintenance_seconds=tick.maintenance_seconds,
            elapsed_seconds=self._elapsed,
            memory_mb=peak_memory() / 2**20,
            losses=tick.losses,
        )

    def _seconds_left(self, images_seen: int, resolution: int) -> float:
        return sum(
            max(0, stage.end - max(stage.start, images_seen)) / self._rate(stage, resolution)
            for stage in self._schedule.stages
        )

    def _rate(self, stage: Stage, resolution: int) -> float:
        """Images/s of a stage at its resolution, measured or guessed from the resolution trained now."""
        slower: float = SLOWER_PER_DOUBLING ** math.log2(stage.resolution / resolution)
        return self._rates.get(stage.resolution, self._rates[resolution] / slower)

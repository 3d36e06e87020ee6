"""What a training writes besides its journal: sample grids, walks, checkpoints, snapshots, measurements."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pipelines.cadence import Every
from pipelines.measuring import measure_snapshot, measure_untrained, record_all
from pipelines.selection import unmeasured
from progan.distributed.agreement import from_main_rank, on_every_rank
from progan.distributed.world import World
from progan.engine.checkpoint import save_checkpoint
from progan.engine.snapshot import load_snapshot, save_snapshot
from progan.engine.train import Training, is_finite
from progan.metrics.evaluator import Evaluator
from progan.report.records import read_measurements, read_ticks
from progan.rundir import RunDirectory
from progan.sampling.generate import generate
from progan.sampling.grids import WIDEST, grid_shape, save_sheet, scaled, tile
from progan.sampling.latents import draw_latents, grid_labels, listed_count
from progan.sampling.walks import slerp
from progan.schedule import Phase
from progan.settings import Config
from progan.systems.system import set_phase
from progan.types import DataSpec, TrainingError

ANCHORS, STEPS = 4, 10  # of a strip: every third image is an anchor, and the last is one, too


@dataclass(frozen=True)
class Recorder:
    """Writes the state of `training` to the run directory. The main process writes, all of them measure."""

    config: Config
    directory: RunDirectory
    data: DataSpec
    training: Training
    evaluator: Evaluator
    world: World

    def write_samples(self, phase: Phase) -> Tensor:
        """Save the grid of the fixed latents -> the sheet, HW3 uint8. For the main process."""
        system, seed = self.training.system, self.config.seed
        set_phase(self.training.average, phase)  # before the first round it is as it was built: full grown
        rows, columns = grid_shape(system.resolution, listed_count(system.labels))
        latents = draw_latents(seed, "sample-grid", 0, rows * columns, system.latents)
        labels = grid_labels(rows * columns, system.labels, columns)
        sheet = tile(generate(self.training.average, latents, labels, phase.resolution), columns)
        save_sheet(sheet, self.directory.sample(self.training.images_seen, phase.resolution))
        return sheet

    def write_state(self, phase: Phase) -> None:
        """Save strip, snapshot, checkpoint, then drop the oldest checkpoints: a kill in between loses nothing.

        For the main process.
        """
        training, directory = self.training, self.directory
        if not is_finite(training):
            raise TrainingError(
                f"a weight is not finite at {training.images_seen} images; the last checkpoint is intact"
            )
        self._write_walk(phase)
        path = directory.snapshot(training.images_seen)
        save_snapshot(training, self.config.system, self.data, phase, path)
        save_checkpoint(training, directory.checkpoint(training.images_seen))
        directory.drop_oldest(self.config.cadence.keep_checkpoints)

    def _write_walk(self, phase: Phase) -> None:
        """Save the strip between the fixed anchors."""
        system, seed = self.training.system, self.config.seed
        latents = slerp(draw_latents(seed, "walk-anchors", 0, ANCHORS, system.latents), STEPS)
        labels = grid_labels(STEPS, system.labels, STEPS)
        sheet = tile(generate(self.training.average, latents, labels, phase.resolution), STEPS)
        path = self.directory.walk(self.training.images_seen, phase.resolution)
        save_sheet(scaled(sheet, min(sheet.shape[1], WIDEST)), path)

    def measure(self) -> list[dict[str, Any]]:
        """Measure the snapshot of this moment as anyone would later, from its file -> what is recorded of it.

        For all processes together.
        """
        path = self.directory.snapshot(self.training.images_seen)
        snapshot = on_every_rank(lambda: load_snapshot(path), self.world)
        return record_all(measure_snapshot(self.evaluator, snapshot, self.config), self.directory)

    def measure_untrained(self) -> list[dict[str, Any]]:
        """As `measure`."""
        return record_all(measure_untrained(self.evaluator, self.config, self.data), self.directory)

    def measure_what_was_missed(self, evaluation: Every) -> list[dict[str, Any]]:
        """A run killed while it measured goes on behind the checkpoint: measure that one now, as `measure`."""
        seen = self.training.images_seen
        ticks, known = from_main_rank(
            lambda: (read_ticks(self.directory)[-2:], read_measurements(self.directory)), self.world
        )
        before = ticks[0].images_seen if len(ticks) > 1 else 0
        if not ticks or not evaluation.due_between(before, seen):
            return []
        resolution = ticks[-1].resolution
        if unmeasured(self.evaluator.results(resolution), known, seen, resolution, self.config):
            return self.measure()
        return []

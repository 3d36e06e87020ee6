"""Measure snapshots: append the results to metrics.jsonl."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.console import measuring_progress, say
from pipelines.launch import make_accelerator, make_world, watched
from pipelines.measuring import make_evaluator, measure_snapshot, measure_untrained, record_all
from pipelines.selection import Selection
from pipelines.snapshots import require_the_training_set
from progan.data.loader import Loader
from progan.data.manifest import Manifest
from progan.data.settings import open_set
from progan.distributed.agreement import from_main_rank, on_every_rank
from progan.distributed.world import World
from progan.engine.snapshot import Snapshot, load_snapshot
from progan.metrics.evaluator import Evaluator
from progan.metrics.gathering import Progress
from progan.report.records import read_measurements
from progan.rundir import RunDirectory
from progan.settings import Config, config_of
from progan.types import ConfigError, DataError

POLL = 5.0  # seconds between two looks of a watcher


@dataclass(frozen=True)
class Changes:
    """Of the settings of a run's evaluation; None: as they are."""

    seeds: int | None = None
    network: Path | None = None

    def made_to(self, config: Config) -> Config:
        wanted = {name: value for name, value in vars(self).items() if value is not None}
        return config.model_copy(update={"evaluation": config.evaluation.model_copy(update=wanted)})


def evaluate(run: Path, selection: Selection, metrics: Sequence[str], changes: Changes, watch: bool) -> None:
    """Measure the selected snapshots of `run`; what is measured already is left out.

    Any number of processes may share each measurement, as a launcher starts them, and any number of calls may do so at
    once: each result is made by one of them. watch: go on with the snapshots that appear until the training has ended.
    """
    directory = RunDirectory(run)
    config = changes.made_to(config_of(directory))
    world = make_world(make_accelerator(directory))
    with watched(world) as ranks, ExitStack() as open_:
        ranks.patience = 60 * config.cadence.patience_minutes
        manifest, _ = on_every_rank(lambda: open_set(config.data), world)
        loader = open_.enter_context(closing(Loader(manifest, config.data, config.seed, world.local_size)))
        evaluator = make_evaluator(config, loader, manifest, metrics or None, world)
        undefined = evaluator.undefined(config.schedule.resolution)
        if metrics and undefined:
            raise ConfigError(f"{undefined[0]}, where this training ends; ask for another metric")
        progress = open_.enter_context(measuring_progress())
        measuring = _Measuring(directory, config, manifest, evaluator, world, progress)
        if watch:
            measuring.watch(selection)
        else:
            measuring.measure(selection)


@dataclass(frozen=True)
class _Measuring:
    """All ranks make the same calls; what files say is what the main rank finds in them."""

    directory: RunDirectory
    config: Config
    manifest: Manifest
    evaluator: Evaluator
    world: World
    progress: Progress

    def measure(self, selection: Selection) -> None:
        """DataError where there is nothing to measure yet."""
        chosen = self._chosen(selection)
        if not chosen:
            raise DataError(f"{self.directory.root}: no snapshot yet; the first comes with the first checkpoint")
        if selection.due:
            self._untrained(wait=True)
        for path in chosen:
            self._snapshot(path, wait=True)

    def watch(self, selection: Selection) -> None:
        """Until the training has finished and nothing is left that no other watcher is at work on."""
        settled: set[Path] = set()
        while True:
            # Asked first: a snapshot that appears meanwhile is found by the next look.
            ended = from_main_rank(lambda: self.directory.read_status().state == "finished", self.world)
            if selection.due and not settled:
                self._untrained(wait=False)
            for path in self._chosen(selection):
                if path not in settled and self._snapshot(path, wait=False):
                    settled.add(path)
            if ended:
                return
            time.sleep(POLL)

    def _chosen(self, selection: Selection) -> list[Path]:
        return from_main_rank(lambda: selection.of(self.directory, self.config), self.world)

    def _untrained(self, wait: bool) -> None:
        def measure() -> list[dict[str, Any]]:
            data = self.config.data.shown(self.manifest.spec)
            return measure_untrained(self.evaluator, self.config, data, self.progress)

        self._once("untrained", self.config.schedule.resolution, 0, measure, wait)

    def _snapshot(self, path: Path, wait: bool) -> bool:
        """False if another call is at work on it and we do not wait."""

        def load() -> Snapshot:
            found = load_snapshot(path)
            require_the_training_set(self.manifest, found)
            return found

        loaded, _ = on_every_rank(load, self.world)

        def measure() -> list[dict[str, Any]]:
            return measure_snapshot(self.evaluator, loaded, self.config, self.progress)

        return self._once(path.name, loaded.phase.resolution, loaded.images_seen, measure, wait)

    def _once(
        self, name: str, resolution: int, images_seen: int, measure: Callable[[], list[dict[str, Any]]], wait: bool
    ) -> bool:
        """Measure what is not measured yet; False if another call is at work on it and we do not wait."""
        with ExitStack() as held:
            reserved = self.directory.reserved(name, self.world.pulse.beat if wait else None)
            if not from_main_rank(lambda: held.enter_context(reserved), self.world):
                return False
            if self._is_wanted(resolution, images_seen, name):
                record_all(measure(), self.directory)
        return True

    def _is_wanted(self, resolution: int, images_seen: int, name: str) -> bool:
        """Whether there is something left to measure; DataError where nothing of it can be."""
        problems, wanted = self.evaluator.preflight(resolution), set(self.evaluator.result_names(resolution))
        if problems and not wanted:
            raise DataError("; ".join(problems))
        problems += [f"{name}: {line}" for line in self.evaluator.undefined(resolution)]
        for problem in problems:
            say(problem)
        known = from_main_rank(lambda: read_measurements(self.directory), self.world)
        done = {
            one.metric
            for one in known
            if one.images_seen == images_seen
            and one.resolution == resolution
            and one.real_mirrored == self.config.data.mirror
            and len(one.provenance.get("seeds", [0])) >= self.config.evaluation.seeds
        }
        if wanted and wanted <= done:
            say(f"{name}: measured already")
        return not wanted <= done


if __name__ == "__main__":
    from pipelines.__main__ import main

    main(["evaluate", *sys.argv[1:]])

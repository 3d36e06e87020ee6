"""Measure snapshots: append the results to metrics.jsonl."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.console import measuring_progress, say
from pipelines.launch import make_accelerator, make_world, watched
from pipelines.measuring import Changes, make_evaluator, measure_snapshot, measure_untrained, record_all
from pipelines.selection import Selection, unmeasured
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
        manifest = on_every_rank(lambda: open_set(config.data), world)
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
        untrained_is_settled = not selection.due
        while True:
            # Asked first: a snapshot that appears meanwhile is found by the next look.
            ended = from_main_rank(lambda: self.directory.read_status().state == "finished", self.world)
            if not untrained_is_settled:
                untrained_is_settled = self._untrained(wait=False)
            for path in self._chosen(selection):
                if path not in settled and self._snapshot(path, wait=False):
                    settled.add(path)
            if ended:
                return
            time.sleep(POLL)

    def _chosen(self, selection: Selection) -> list[Path]:
        return from_main_rank(lambda: selection.of(self.directory, self.config), self.world)

    def _untrained(self, wait: bool) -> bool:
        """False if another call is at work on it and we do not wait."""
        with self._reserved("untrained", wait) as ours:
            if ours and self._is_wanted(self.config.schedule.resolution, 0, "untrained"):
                data = self.config.data.shown(self.manifest.spec)
                record_all(measure_untrained(self.evaluator, self.config, data, self.progress), self.directory)
        return ours

    def _snapshot(self, path: Path, wait: bool) -> bool:
        """False if another call is at work on it and we do not wait."""

        def load() -> Snapshot:
            found = load_snapshot(path)
            require_the_training_set(self.manifest, found)
            return found

        with self._reserved(path.name, wait) as ours:
            if ours:
                loaded = on_every_rank(load, self.world)
                if self._is_wanted(loaded.phase.resolution, loaded.images_seen, path.name):
                    record_all(measure_snapshot(self.evaluator, loaded, self.config, self.progress), self.directory)
        return ours

    @contextmanager
    def _reserved(self, name: str, wait: bool) -> Iterator[bool]:
        """Keep other calls off what is named so -> whether that was possible; after a while it is, if we wait."""
        with ExitStack() as held:
            reserved = self.directory.reserved(name, self.world.pulse.beat if wait else None)
            yield from_main_rank(lambda: held.enter_context(reserved), self.world)

    def _is_wanted(self, resolution: int, images_seen: int, name: str) -> bool:
        """Whether there is something left to measure; DataError where nothing can be, here or of a later snapshot."""
        problems, wanted = self.evaluator.preflight(resolution), self.evaluator.results(resolution)
        undefined = self.evaluator.undefined(resolution)
        if problems and not wanted and not undefined:
            raise DataError("; ".join(problems))
        for problem in [*problems, *(f"{name}: {line}" for line in undefined)]:
            say(problem)
        known = from_main_rank(lambda: read_measurements(self.directory), self.world)
        missing = unmeasured(wanted, known, images_seen, resolution, self.config)
        if wanted and not missing:
            say(f"{name}: measured already")
        return bool(missing)


if __name__ == "__main__":
    from pipelines.__main__ import main

    main(["evaluate", *sys.argv[1:]])

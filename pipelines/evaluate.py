"""Measure snapshots: append the results to metrics.jsonl."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipelines.cadence import Every
from pipelines.console import say
from pipelines.measuring import make_evaluator, measure_snapshot, measure_untrained, record_all
from progan.config import validate
from progan.data.loader import Loader, open_set
from progan.engine.snapshot import load_snapshot
from progan.metrics.evaluator import Evaluator
from progan.rundir import RunDirectory, seen_by
from progan.settings import Config, make_schedule
from progan.types import ConfigError, DataError


@dataclass(frozen=True)
class Selection:
    """Which snapshots of a run to measure; nothing chosen: its last."""

    snapshot: Path | None = None
    every: bool = False  # --all
    due: bool = False  # those of evaluation.every_kimg, and the untrained generator: what training itself measures

    def of(self, directory: RunDirectory, config: Config) -> list[Path]:
        """ConfigError for two ways at once; DataError where there is none yet."""
        if (self.snapshot is not None) + self.every + self.due > 1:
            raise ConfigError("--snapshot, --all and --due: give one of them")
        if self.snapshot is not None:
            return [self.snapshot]
        snapshots = directory.snapshots()
        if not snapshots:
            raise DataError(f"{directory.root}: no snapshot yet; the first comes with the first checkpoint")
        if self.due:
            every = Every(config.evaluation.every_kimg, make_schedule(config).total_images)
            before = [0, *map(seen_by, snapshots)]
            return [
                path for seen, path in zip(before, snapshots, strict=False) if every.due_between(seen, seen_by(path))
            ]
        return snapshots if self.every else snapshots[-1:]


def evaluate(run: Path, selection: Selection, metrics: Sequence[str]) -> None:
    """Measure the selected snapshots of `run`; what is measured already is left out.

    Several processes may do so at once: each result is made by one of them.
    """
    directory = RunDirectory(run)
    config = validate(Config, directory.read_config())
    chosen = selection.of(directory, config)
    manifest = open_set(config.data)
    with closing(Loader(manifest, config.data, config.seed)) as loader:
        evaluator = make_evaluator(config, loader, manifest, metrics or None)
        if selection.due:
            with directory.reserved("untrained"):
                if _can_measure(directory, evaluator, config.schedule.resolution, 0, "untrained"):
                    record_all(measure_untrained(evaluator, config, manifest.spec), directory)
        for path in chosen:
            with directory.reserved(path.stem):
                loaded = load_snapshot(path)
                if _can_measure(directory, evaluator, loaded.phase.resolution, loaded.images_seen, path.name):
                    record_all(measure_snapshot(evaluator, loaded), directory)


def list_unmeasured(run: Path, selection: Selection) -> None:
    """Print the path of each selected snapshot of which no result is there yet."""
    directory = RunDirectory(run)
    measured = {record["images_seen"] for record in directory.read_metrics()}
    for path in selection.of(directory, validate(Config, directory.read_config())):
        if seen_by(path) not in measured:
            print(path)


def _can_measure(directory: RunDirectory, evaluator: Evaluator, resolution: int, images_seen: int, name: str) -> bool:
    """Whether there is something left to measure; DataError where nothing of it can be."""
    problems, wanted = evaluator.preflight(resolution), set(evaluator.result_names(resolution))
    if problems and not wanted:
        raise DataError("; ".join(problems))
    for problem in problems:
        say(problem)
    done = {
        record["metric"]
        for record in directory.read_metrics()
        if record["images_seen"] == images_seen and record["resolution"] == resolution
    }
    if wanted and wanted <= done:
        say(f"{name}: measured already")
    return not wanted <= done

"""Which snapshots of a run are to be measured, and which of them are not yet. Without torch: it is asked often."""

from dataclasses import dataclass
from pathlib import Path

from pipelines.cadence import Every
from progan.report.records import read_measurements
from progan.rundir import RunDirectory, seen_by
from progan.settings import Config, config_of, make_schedule
from progan.types import ConfigError


@dataclass(frozen=True)
class Selection:
    """Which snapshots of a run to measure; nothing chosen: its last."""

    snapshot: Path | None = None
    every: bool = False  # --all
    due: bool = False  # those of evaluation.every_kimg, and the untrained generator: what training itself measures

    def __post_init__(self) -> None:
        if (self.snapshot is not None) + self.every + self.due > 1:
            raise ConfigError("--snapshot, --all and --due: give one of them")

    def of(self, directory: RunDirectory, config: Config) -> list[Path]:
        """Those that are there."""
        if self.snapshot is not None:
            return [self.snapshot]
        snapshots = directory.snapshots()
        if self.due:
            every = Every(config.evaluation.every_kimg, make_schedule(config).total_images)
            before = [0, *map(seen_by, snapshots)]
            return [
                path for seen, path in zip(before, snapshots, strict=False) if every.due_between(seen, seen_by(path))
            ]
        return snapshots if self.every else snapshots[-1:]


def list_unmeasured(run: Path, selection: Selection) -> None:
    """Print the path of each selected snapshot of which no result is there yet."""
    directory = RunDirectory(run)
    measured = {one.images_seen for one in read_measurements(directory)}
    for path in selection.of(directory, config_of(directory)):
        if seen_by(path) not in measured:
            print(path)

"""The snapshot of a run that a metric prefers."""

from pathlib import Path

from progan.report.headline import headlines
from progan.report.records import read_run
from progan.rundir import RunDirectory
from progan.types import ConfigError, DataError


def best(run: Path, metric: str | None) -> None:
    """Print its path. ConfigError for a metric that was not measured, DataError where none has a best snapshot."""
    directory = RunDirectory(run)
    found = {one.metric: one for one in headlines(read_run(directory).measurements)}
    if metric is not None and metric not in found:
        raise ConfigError(f"{metric}: not measured in {run}; there are: {', '.join(found) or 'none'}")
    measured = [one.best for name, one in found.items() if metric in (None, name) and one.best]
    if not measured:
        raise DataError(f"{run}: no trained snapshot was measured by {metric or 'any metric that knows a best'}")
    path = directory.snapshot(measured[0].images_seen)
    if not path.exists():
        raise DataError(f"{path}: has the best {measured[0].metric} but is not there any more")
    print(path)

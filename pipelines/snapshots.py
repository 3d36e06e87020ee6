"""Finding the snapshot that a command is to use."""

from pathlib import Path

from progan.data.manifest import Manifest
from progan.engine.snapshot import Snapshot, load_snapshot
from progan.rundir import RunDirectory
from progan.types import DataError


def open_snapshot(source: Path) -> Snapshot:
    """The snapshot in the file `source`, or the last of the run directory `source`; DataError where there is none."""
    return load_snapshot(snapshot_file(source))


def snapshot_file(source: Path) -> Path:
    """`source`, or the last snapshot of the run directory `source`; DataError where there is none."""
    if not source.exists():
        raise DataError(f"{source}: no such snapshot or run directory")
    if not source.is_dir():
        return source
    snapshots = RunDirectory(source).snapshots()
    if not snapshots:
        raise DataError(f"{source}: no snapshot in this run yet; the first comes with the first checkpoint")
    return snapshots[-1]


def require_the_training_set(manifest: Manifest, snapshot: Snapshot) -> None:
    """DataError where these are other images than `snapshot` was trained on."""
    if manifest.spec.fingerprint != snapshot.data.fingerprint:
        rule = f"not the images that {snapshot.path} was trained on; name the prepared set of its training in data.path"
        raise DataError(f"{manifest.place.describe()}: {rule}")


def describe(snapshot: Snapshot) -> str:
    """Which one it is, and how far it was trained, for people."""
    return f"{snapshot.path} ({snapshot.images_seen / 1000:.1f} kimg, {snapshot.phase.resolution} px)"

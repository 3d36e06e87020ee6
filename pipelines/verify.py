"""Verify: look at every file and picture of a prepared set."""

import time
from pathlib import Path

from pipelines.console import counting
from progan.data.cores import cores
from progan.data.manifest import Manifest
from progan.data.preparing.verify import verify as bad_files
from progan.types import DataError


def verify(path: Path, hashes_only: bool, workers: int | None) -> None:
    """Print a line for each bad file. DataError if there is one."""
    manifest, started = Manifest.load(path), time.monotonic()
    with counting("verify", "shards") as show:
        bad = bad_files(manifest, hashes_only, workers or cores(), lambda done, total: show(done, total, 0, ""))
    for line in bad:
        print(line)
    if bad:
        raise DataError(f"{path}: {len(bad)} bad files, listed above; copy them again or prepare the set again")
    print(f"{path}: all well: {manifest.count} images in {time.monotonic() - started:.1f} s")

"""The Inception weights of FID on this machine: where they are looked for, whether they are right, fetching them."""

from pathlib import Path

from pipelines.console import counting, say
from progan.metrics.weights import (
    PUBLISHED,
    URL,
    VARIABLE,
    Place,
    check_weights,
    fetch_weights,
    find_weights,
    sha256_of,
)
from progan.types import DataError

MIB = 2**20


def where(file: Path | None) -> None:
    """Print the path that a training with evaluation.weights=`file` would read, what names it, what is there."""
    place = find_weights(file, "--file")
    unnamed = f"nothing: torch-fidelity's cache, as neither evaluation.weights nor ${VARIABLE} names a file"
    say(f"path: {place.path}")
    say(f"named by: {place.named_by or unnamed}")
    say(f"there: {_found(place)}")


def verify(file: Path | None, sha256: str = PUBLISHED) -> None:
    """Say that the weights at `file`, or where they are looked for, are the published ones; else DataError.

    sha256: how the digest of those begins.
    """
    place = find_weights(file, "the command line")
    weights = check_weights(place)
    if not weights.sha256.startswith(sha256):
        raise DataError(
            f"{place.path}: not the published Inception weights but others of sha256 {weights.sha256}: a distance "
            f"measured with them is called fd50k-{weights.sha256[:8]}, not fid50k; progan weights fetch brings the "
            "published ones"
        )
    say(f"{place.path}: published, sha256 {weights.sha256}")


def fetch(out: Path | None, url: str = URL, sha256: str = PUBLISHED) -> None:
    """Download the weights to `out`, or to where they are looked for, unless they are there already.

    sha256: how the digest of the right file begins.
    """
    path = find_weights(out).path
    if path.is_file() and sha256_of(path).startswith(sha256):
        say(f"{path}: there already, nothing fetched")
        return
    with counting("fetch", "MiB") as show:
        fetch_weights(path, url, sha256, lambda done, total: show(done // MIB, max(done, total) // MIB, 0, ""))
    say(f"{path}: {path.stat().st_size / MIB:.1f} MiB fetched, sha256 as expected")


def _found(place: Place) -> str:
    if not place.path.is_file():
        return "no file; progan weights fetch brings it"
    try:
        weights = check_weights(place)
    except DataError as error:
        return str(error)
    return "the published weights" if weights.published else f"other weights, sha256 {weights.sha256}"

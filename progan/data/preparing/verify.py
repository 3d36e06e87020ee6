"""Verifying a prepared set: every file, index row and picture is looked at, and all that is wrong is listed."""

import hashlib
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from progan.data.codec import decode_into, extension
from progan.data.images import BadImage
from progan.data.manifest import SAMPLES, Manifest, Shard, key
from progan.data.preparing.pool import in_order
from progan.types import DataError

Progress = Callable[[int, int], None]  # shards done, of all

_READ_AT_ONCE = 2**20


@dataclass(frozen=True)
class ShardFacts:
    """What the manifest says of one shard. Picklable."""

    path: Path
    shard: Shard
    resolution: int
    encoding: str
    first: int  # number of its first sample
    rows: NDArray[np.int64]  # of the index: its samples
    labels: tuple[str, ...] | None  # the member beside each sample, as it must read; None: not known
    suffix: str  # of that member; empty: unlabelled


@dataclass(frozen=True)
class CheckShard:
    """Picklable: shards -> what is wrong with each, "" where nothing is."""

    hashes_only: bool

    def __call__(self, shards: list[ShardFacts]) -> list[str]:
        return [self._one(facts) for facts in shards]

    def _one(self, facts: ShardFacts) -> str:
        try:
            _require_hash(facts)
            if not self.hashes_only:
                _require_members(facts)
                _require_pictures(facts)
        except BadImage as error:
            return str(error)
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"
        except tarfile.TarError as error:
            return f"not a readable tar ({error})"
        return ""


def verify(
    manifest: Manifest, hashes_only: bool = False, workers: int = 1, progress: Progress = lambda done, total: None
) -> list[str]:
    """Check a local set -> a line for each bad file, naming it; empty if all is well.

    hashes_only: the sha256 of each file alone, without looking at tar members and pictures.
    """
    bad = []
    try:
        labels = manifest.read_labels()
    except DataError as error:
        bad.append(str(error))
        labels = None
    bad += _samples(manifest)
    total = sum(len(manifest.shards(resolution)) for resolution in manifest.resolutions)
    shards = ([facts] for resolution in manifest.resolutions for facts in _shards(manifest, resolution, labels, bad))
    for done, (chunk, results) in enumerate(in_order(CheckShard(hashes_only), shards, workers), start=1):
        bad += [f"{chunk[0].path}: {problem}" for problem in results if problem]
        progress(done, total)
    return bad


def _samples(manifest: Manifest) -> list[str]:
    """What is wrong with the list of samples."""
    path = manifest.root / SAMPLES
    try:
        lines = path.read_bytes().count(b"\n")
    except OSError as error:
        return [f"{path}: cannot be read ({error.strerror})"]
    return [] if lines == manifest.count else [f"{path}: {lines} samples, the manifest has {manifest.count}"]


def _shards(
    manifest: Manifest, resolution: int, labels: NDArray[np.int64] | None, bad: list[str]
) -> Iterator[ShardFacts]:
    """The shards of a resolution; what is wrong with its index is added to `bad`, and the hashes are still checked."""
    files = manifest.files(resolution)
    try:
        index = manifest.read_index(resolution)
    except DataError as error:
        bad.append(str(error))
        index = np.empty((0, 4), np.int64)
    first, suffix = 0, ("json" if manifest.contents.multilabel else "cls") if manifest.contents.classes else ""
    for number, shard in enumerate(files.shards):
        rows = index[index[:, 0] == number]
        known = None if labels is None else tuple(map(json.dumps, labels[first : first + shard.count].tolist()))
        path = manifest.root / shard.name
        yield ShardFacts(path, shard, resolution, files.encoding, first, rows, known, suffix)
        first += shard.count


def _require_hash(facts: ShardFacts) -> None:
    digest, size = hashlib.sha256(), 0
    with facts.path.open("rb") as file:
        while block := file.read(_READ_AT_ONCE):
            digest.update(block)
            size += len(block)
    if size != facts.shard.bytes:
        raise BadImage(f"{size} bytes, not {facts.shard.bytes}")
    if digest.hexdigest() != facts.shard.sha256:
        raise BadImage(f"altered: sha256 {digest.hexdigest()[:12]}..., not {facts.shard.sha256[:12]}...")


def _require_members(facts: ShardFacts) -> None:
    """The tar's members are the samples and labels that manifest, index and labels.npy say."""
    if len(facts.rows) != facts.shard.count:
        raise BadImage(f"the index has {len(facts.rows)} samples in it, the manifest {facts.shard.count}")
    with tarfile.open(facts.path) as tar:
        members = iter(tar)
        for place, (_, offset, size, _) in enumerate(facts.rows.tolist()):
            name = f"{key(facts.first + place)}.{extension(facts.encoding)}"
            member = next(members, None)
            if member is None or (member.name, member.offset_data, member.size) != (name, offset, size):
                raise BadImage(f"sample {name} is not where the index says")
            if facts.suffix:
                _require_label(tar, next(members, None), f"{key(facts.first + place)}.{facts.suffix}", facts, place)
        if (extra := next(members, None)) is not None:
            raise BadImage(f"holds {extra.name}, which the index does not know")


def _require_label(
    tar: tarfile.TarFile, member: tarfile.TarInfo | None, name: str, facts: ShardFacts, place: int
) -> None:
    if member is None or member.name != name:
        raise BadImage(f"{name} is missing")
    if facts.labels is not None and _text(tar, member) != facts.labels[place]:
        raise BadImage(f"{name} differs from the set's labels")


def _text(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = tar.extractfile(member)
    return file.read().decode() if file else ""


def _require_pictures(facts: ShardFacts) -> None:
    out = np.empty((facts.resolution, facts.resolution, 3), np.uint8)
    with facts.path.open("rb") as file:
        for place, (_, offset, size, checksum) in enumerate(facts.rows.tolist()):
            file.seek(offset)
            data = file.read(size)
            if zlib.crc32(data) != checksum:
                raise BadImage(f"sample {key(facts.first + place)}: differs from the index's checksum")
            try:
                decode_into(out, data, facts.encoding)
            except BadImage as error:
                raise BadImage(f"sample {key(facts.first + place)}: {error}") from error

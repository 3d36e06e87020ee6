"""Preparing a set: raw pictures in, one WebDataset tar set per resolution and a manifest out.

Workers decode, crop, average and encode; this process writes what they return, in the source's order, so that the
shards are byte for byte the same for any number of workers. Only the index grows with the number of pictures.
"""

import fcntl
import json
import os
import shutil
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from progan.data.images import BadImage, Box, cut, encode_png, pyramid
from progan.data.manifest import (
    LABELS,
    MANIFEST,
    NAMES,
    REJECTS,
    Contents,
    Manifest,
)
from progan.data.pool import in_order
from progan.data.sources import Entry, Raw, Source
from progan.data.tars import SHARD_BYTES, TarSet, save_array
from progan.files import write_jsonl, write_text
from progan.types import MIN_RESOLUTION, ConfigError, DataError, resolutions_up_to

Progress = Callable[[int, int, int], None]  # pictures done, of all, rejected so far

_LOCK = "lock"
_CHUNK_PIXELS = 2**22  # of top-resolution samples a worker returns at once


@dataclass(frozen=True)
class Rendered:
    """One picture, cropped, averaged and encoded."""

    label: int
    pngs: tuple[bytes, ...]  # one per resolution, ascending


def prepare(
    source: Source,
    out: Path,
    resolution: int,
    limit: int | None = None,
    workers: int = 1,
    shard_bytes: int = SHARD_BYTES,
    max_rejects: float = 0.01,
    progress: Progress = lambda done, total, rejected: None,
) -> Manifest:
    """Make the prepared set `out` at MIN_RESOLUTION, ..., `resolution` px; a complete one of the same request is kept.

    limit: only the first so many pictures. shard_bytes: a shard is closed once it is this large.
    max_rejects: the share of pictures that may be unusable. An interrupted call leaves nothing at `out`.
    DataError: `out` holds something else, too many pictures are unusable, a class has none.
    """
    sizes = _checked_resolutions(resolution)
    for name, value in (("limit", limit), ("workers", workers)):
        if value is not None and value < 1:
            raise ConfigError(f"{name}: {value} is not at least 1")
    request = source.identity | {"resolution": resolution, "limit": limit}
    if (out / MANIFEST).exists():
        return _kept(Manifest.load(out), request)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists and is not a prepared set; give another --out or delete it")
    with _built_beside(out) as root:
        writer = _SetWriter(root, sizes, shard_bytes, labelled=bool(source.classes))
        _fill(writer, source, source.entries[:limit], workers, max_rejects, progress)
        writer.finish(source, request).write()
    return Manifest.load(out)


def _checked_resolutions(resolution: int) -> tuple[int, ...]:
    if resolution < MIN_RESOLUTION or resolution & (resolution - 1):
        rule = f"not a power of two of at least {MIN_RESOLUTION}, such as 64 or 1024"
        raise ConfigError(f"resolution: {resolution} is {rule}")
    return resolutions_up_to(resolution)


def _kept(manifest: Manifest, request: dict[str, str | int | None]) -> Manifest:
    found = manifest.contents.request
    for name in request | found:
        if found.get(name) != request.get(name):
            raise DataError(
                f"{manifest.root}: already holds a set made with {name} {found.get(name)}, not {request.get(name)}; "
                "give another --out or delete it"
            )
    return manifest


@contextmanager
def _built_beside(out: Path) -> Iterator[Path]:
    """A new folder beside `out`, renamed onto it on success; what a killed call left there is removed first."""
    partial = out.absolute().with_name(f".{out.absolute().name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with (partial / _LOCK).open("w") as lock:
        _take(lock, out, partial)
        try:
            _clear(partial)
            yield partial
            (partial / _LOCK).unlink()
            os.replace(partial, out)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def _take(lock: IO[str], out: Path, partial: Path) -> None:
    """Two calls must not write one set. The lock ends with its process, so a killed one bars nobody."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = os.path.samestat(os.fstat(lock.fileno()), (partial / _LOCK).stat())
    except (BlockingIOError, FileNotFoundError):
        held = False
    if not held:
        raise DataError(f"{out}: another process is preparing this set; wait for it or give another --out")


def _clear(partial: Path) -> None:
    for path in partial.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink()


def _fill(
    writer: "_SetWriter",
    source: Source,
    entries: Sequence[Entry],
    workers: int,
    max_rejects: float,
    progress: Progress,
) -> None:
    size = max(1, min(64, _CHUNK_PIXELS // writer.sizes[-1] ** 2))
    chunks = (entries[start : start + size] for start in range(0, len(entries), size))
    done = 0
    for chunk, results in in_order(_Render(source.load, source.square, writer.sizes[-1]), chunks, workers):
        for entry, result in zip(chunk, results, strict=True):
            writer.add(entry, result)
        done += len(chunk)
        if len(writer.rejects) > max_rejects * len(entries):
            first = writer.rejects[0]
            raise DataError(
                f"{source.path}: {len(writer.rejects)} of {len(entries)} pictures cannot be used, more than the share "
                f"{max_rejects:g} allowed (--max-rejects); the first: {first['name']}: {first['reason']}"
            )
        progress(done, len(entries), len(writer.rejects))


@dataclass(frozen=True)
class _Render:
    """What a worker does with a chunk. A str in place of a picture is the reason why it cannot be used."""

    load: Callable[[Entry], Raw]
    square: Callable[[int, int], Box]
    resolution: int

    def __call__(self, entries: Sequence[Entry]) -> list[Rendered | str]:
        return [self._one(entry) for entry in entries]

    def _one(self, entry: Entry) -> Rendered | str:
        try:
            raw = self.load(entry)
            height, width, _ = raw.pixels.shape
            levels = pyramid(cut(raw.pixels, self.square(width, height)), self.resolution)
        except BadImage as error:
            return str(error)
        return Rendered(raw.label, tuple(encode_png(pixels) for pixels in levels.values()))


class _SetWriter:
    """Writes the files of a set under one folder, sample by sample."""

    def __init__(self, root: Path, sizes: tuple[int, ...], shard_bytes: int, labelled: bool) -> None:
        self.sizes = sizes
        self.rejects: list[dict[str, str]] = []
        self._root = root
        self._labelled = labelled
        self._tars = [TarSet(root, size, shard_bytes) for size in sizes]
        self._labels = array("q")
        self._names: list[str] = []

    def add(self, entry: Entry, result: Rendered | str) -> None:
        if isinstance(result, str):
            self.rejects.append({"name": entry.name, "reason": result})
            return
        number = len(self._labels)
        for tar, png in zip(self._tars, result.pngs, strict=True):
            tar.add(number, png, result.label if self._labelled else None)
        self._labels.append(result.label)
        self._names.append(entry.name)

    def finish(self, source: Source, request: dict[str, str | int | None]) -> Manifest:
        """Close every file but the manifest, which is returned unwritten. DataError for a class without a picture."""
        write_text(self._root / NAMES, "".join(json.dumps(name) + "\n" for name in self._names))
        write_jsonl(self._root / REJECTS, self.rejects)
        if not self._labels:
            raise DataError(f"{source.path}: no usable picture; the first: {self.rejects[0]}")
        tallies = Counter(self._labels)
        for number, name in enumerate(source.classes):
            if not tallies[number]:
                raise DataError(f"{source.path}: class {name!r} has no picture; raise --limit or choose another label")
        contents = Contents(
            source=source.path,
            request=request,
            count=len(self._labels),
            rejects=len(self.rejects),
            classes=source.classes,
            class_counts=tuple(tallies[number] for number in range(len(source.classes))),
            labels_sha256=save_array(self._root / LABELS, np.array(self._labels, np.int64)),
            resolutions={tar.resolution: tar.finish() for tar in self._tars},
        )
        return Manifest(self._root, contents)

"""Preparing a set: raw pictures in, one WebDataset tar set per resolution and a manifest out.

Workers render pictures; this process assembles what they return. A killed call goes on where it was last saved.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from progan.data.codec import RAW, require_encoding
from progan.data.images import levels_of
from progan.data.manifest import MANIFEST, REJECTS, Manifest
from progan.data.preparing.assembly import Assembly, clear, require_same_request
from progan.data.preparing.pool import in_order
from progan.data.preparing.render import Reject, Render, Sample
from progan.data.preparing.tars import SHARD_BYTES
from progan.data.sources.base import Identity, Source
from progan.types import MIN_RESOLUTION, ConfigError, DataError

_LOCK = "lock"
_CHUNK_PIXELS = 2**22  # of top-resolution samples a worker returns at once


@dataclass(frozen=True)
class PrepareOptions:
    """How a source becomes a set."""

    resolution: int  # px of the largest samples
    limit: int | None = None  # only the first so many pictures
    raw_up_to: int = 64  # px: samples up to this are stored unencoded
    codec: str = "png"  # of the larger ones
    shard_bytes: int = SHARD_BYTES  # a shard is closed once it is this large
    keep_duplicates: bool = False  # keep pictures whose pixels equal an earlier one's
    max_rejects: float = 0.01  # share of the pictures that may be unusable
    workers: int = 1  # processes
    part: tuple[int, int] | None = None  # (2, 8): the second of eight equal parts of the source

    @property
    def encodings(self) -> dict[int, str]:
        """By resolution, ascending."""
        return {size: RAW if size <= self.raw_up_to else self.codec for size in levels_of(self.resolution)}

    def request(self, source: Source) -> Identity:
        """All that the bytes of the set depend on."""
        return source.identity | {name: getattr(self, name) for name in REQUESTED}

    def check(self) -> None:
        """ConfigError naming the option."""
        require_encoding(self.codec)
        if self.resolution < MIN_RESOLUTION:
            raise ConfigError(f"resolution: {self.resolution} is not at least {MIN_RESOLUTION}")
        for name in ("limit", "workers", "shard_bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name}: {value} is not at least 1")
        if self.part is not None and not 1 <= self.part[0] <= self.part[1]:
            raise ConfigError(f"part: {self.part[0]}/{self.part[1]}: parts are counted from 1/n to n/n")


@dataclass(frozen=True)
class Done:
    """How far a set in the making has come."""

    entries: int
    of: int
    before: int  # entries that an earlier, interrupted call had done
    rejects: int


# The options that the bytes of a set depend on.
REQUESTED = ("resolution", "limit", "raw_up_to", "codec", "shard_bytes", "keep_duplicates")

Progress = Callable[[Done], None]


def prepare(source: Source, out: Path, options: PrepareOptions, progress: Progress = lambda done: None) -> Manifest:
    """Make the prepared set, or part, at `out`; a complete one of the same request is kept.

    An interrupted call, however it ended, leaves a working folder beside `out`, from which the same call goes on.
    DataError: `out` holds something else, a part is empty, too many pictures are unusable, a class has none, the disk
    is full.
    """
    options.check()
    entries = source.entries[: options.limit]
    first, last = _share(len(entries), options.part)
    if options.part is not None and first == last:
        name = part_name(options.part)
        raise DataError(f"{source.path}: part {name} of {len(entries)} pictures is empty; make fewer parts")
    render = Render(source.load, source.frame, options.encodings)

    def items(done: int) -> Iterator[list[Sample | Reject]]:
        size = max(1, min(64, _CHUNK_PIXELS // options.resolution**2))
        numbers = range(first + done, last)
        chunks = ([(n, entries[n]) for n in numbers[start : start + size]] for start in range(0, len(numbers), size))
        for _, results in in_order(render, chunks, options.workers):
            yield results

    return assemble(source, out, options, items, last - first, progress)


def assemble(
    source: Source,
    out: Path,
    options: PrepareOptions,
    items: Callable[[int], Iterable[list[Sample | Reject]]],
    total: int,
    progress: Progress,
) -> Manifest:
    """Make the set at `out` of items(done): what comes after the first `done` of `total` entries, in order."""
    request = options.request(source)
    if (out / MANIFEST).exists():
        return _kept(Manifest.load(out), request)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists and is not a prepared set; give another --out or delete it")
    with _working_folder(out) as root:
        if (root / MANIFEST).exists():  # killed between the manifest and the renaming
            _kept(Manifest.load(root), request)
        else:
            _fill(
                Assembly(root, request, options.encodings, options.shard_bytes), source, options, items, total, progress
            )
        clear(root)
    return Manifest.load(out)


def part_name(part: tuple[int, int] | None) -> str | None:
    return None if part is None else f"{part[0]}/{part[1]}"


def _share(count: int, part: tuple[int, int] | None) -> tuple[int, int]:
    """The entries of a part: number of the first, and of the one after the last."""
    number, parts = part or (1, 1)
    return (number - 1) * count // parts, number * count // parts


def _fill(
    assembly: Assembly,
    source: Source,
    options: PrepareOptions,
    items: Callable[[int], Iterable[list[Sample | Reject]]],
    total: int,
    progress: Progress,
) -> None:
    before = assembly.state.done
    whole = len(source.entries[: options.limit])
    try:
        for results in items(before):
            assembly.add(results, bool(source.classes), options.keep_duplicates)
            progress(Done(assembly.state.done, total, before, assembly.state.rejects))
            _require_few_rejects(assembly, source, whole, options.max_rejects)
        assembly.finish(source, part_name(options.part)).write(assembly.root)
    except BaseException:
        _save_what_there_is(assembly)
        raise


def _save_what_there_is(assembly: Assembly) -> None:
    try:
        assembly.save()
        assembly.close()
    except (OSError, ValueError):
        pass  # the disk is full or the files are closed already: what was saved last still counts


def _require_few_rejects(assembly: Assembly, source: Source, total: int, share: float) -> None:
    state = assembly.state
    if state.rejects > share * total:
        raise DataError(
            f"{source.path}: {state.rejects} of {total} pictures cannot be used, more than the share {share:g} allowed "
            f"(--max-rejects); the list is {assembly.root / REJECTS}; the first: {state.first_reject}"
        )


def _kept(manifest: Manifest, request: Identity) -> Manifest:
    require_same_request(manifest.root, manifest.contents.request, request)
    return manifest


@contextmanager
def _working_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that only this process uses, renamed onto `out` on success and kept otherwise."""
    partial = out.absolute().with_name(f".{out.absolute().name}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        with (partial / _LOCK).open("w") as lock:
            _take(lock, out, partial)
            yield partial
            (partial / _LOCK).unlink()
            os.replace(partial, out)
    except OSError as error:
        rule = "nothing is lost: make room or give another --out, and run the same command again"
        raise DataError(f"{error.filename or out}: cannot be written ({error.strerror or error}); {rule}") from error


def _take(lock: IO[str], out: Path, partial: Path) -> None:
    """Two calls must not write one set. The lock ends with its process, so a killed one bars nobody."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = os.path.samestat(os.fstat(lock.fileno()), (partial / _LOCK).stat())
    except (BlockingIOError, FileNotFoundError):
        held = False
    if not held:
        raise DataError(f"{out}: another process is preparing this set; wait for it or give another --out")

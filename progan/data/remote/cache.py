"""Shards of remote sets on this node: files named by their sha256, together at most so many bytes.

<root>/lock                       held for moments: whoever adds, removes or claims a file
<root>/ab/ab12....tar             a complete shard, hashed when it was downloaded; its time of change is its last use
<root>/ab/ab12....SIZE.part       a download of SIZE bytes: locked while it goes on, resumed from its length otherwise

The root must lie on a disk of the node whose locks (flock) work. Any number of processes and threads can share it.
"""

import fcntl
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from io import FileIO
from pathlib import Path

from progan.data.place import Stopped
from progan.types import ConfigError, DataError

_POLL_SECONDS = 0.1
_NEVER = threading.Event()
_SHA256 = re.compile("[0-9a-f]{64}")
_FILE = re.compile(r"[0-9a-f]{64}\.(?:tar|(\d+)\.part)")


@dataclass(frozen=True)
class Wanted:
    """A shard, and how to download it."""

    name: str  # as messages call it
    size: int
    sha256: str
    chunks: Callable[[int], Iterator[tuple[int, bytes]]]  # from an offset on: (offset, bytes); offset 0 begins anew


@dataclass(frozen=True)
class _Stored:
    path: Path
    bytes: int  # of a download that goes on: what it will take
    used: int  # nanoseconds
    busy: bool  # being downloaded


class ShardCache:
    """The files below `root`; `limit` bytes at most, of all that share it with the same limit."""

    def __init__(self, root: Path, limit: int) -> None:
        self._root = root
        self._limit = limit

    def fetch(self, wanted: Wanted, stop: threading.Event = _NEVER) -> Path:
        """The shard's file, after one download for all processes of the node; its sha256 was verified then.

        The least recently used shards make room for it. DataError: the download fails or has another hash, twice;
        no space on the disk. ConfigError: the folder cannot be used, the shard is larger than the limit.
        """
        self._require_fits(wanted)
        path = self._path(wanted.sha256)
        with self._explained():
            while not _present(path, wanted.size):
                part = self._claim(wanted, path)
                if part is None:
                    if stop.wait(_POLL_SECONDS):
                        raise Stopped
                    continue
                with part:
                    _fill(part, wanted, stop)
                    self._publish(part, path, wanted.size)
        return path

    def forget(self, sha256: str) -> None:
        """Remove a shard that turned out damaged on this disk; the next fetch downloads it again."""
        with self._explained(), self._locked():
            self._path(sha256).unlink(missing_ok=True)

    def require_room(self, size: int) -> None:
        """ConfigError unless `size` bytes of shards can be held together."""
        if size > self._limit:
            rule = f"{_gib(self._limit)} cannot hold the {_gib(size)} of one resolution"
            raise ConfigError(f"data.cache_gb: {rule}; raise it or set data.stream: true")

    def _require_fits(self, wanted: Wanted) -> None:
        if wanted.size > self._limit:
            rule = f"{_gib(self._limit)} cannot hold {wanted.name} of {_gib(wanted.size)}"
            raise ConfigError(f"data.cache_gb: {rule}; raise it or set data.stream: true")

    def _path(self, sha256: str) -> Path:
        # It comes from a file that others wrote and must not lead out of the folder.
        if not _SHA256.fullmatch(sha256):
            raise DataError(f"manifest.json: damaged: {sha256!r} is not a sha256; copy the set again")
        return self._root / sha256[:2] / f"{sha256}.tar"

    def _claim(self, wanted: Wanted, path: Path) -> FileIO | None:
        """The part file, locked by this caller, with room made for it.

        None where there is nothing to download yet: it has just come, another downloads it, or downloads of others
        take the room.
        """
        with self._locked():
            if _present(path, wanted.size):
                return None
            path.parent.mkdir(exist_ok=True)
            with ExitStack() as files:
                part = files.enter_context(FileIO(_part_path(path, wanted.size), "a+"))
                if _lock_at_once(part) and self._make_room(_part_path(path, wanted.size), wanted.size):
                    self._require_disk(wanted, os.fstat(part.fileno()).st_size)
                    files.pop_all()
                    return part
            return None

    def _publish(self, part: FileIO, path: Path, size: int) -> None:
        os.fsync(part.fileno())
        with self._locked():
            os.replace(_part_path(path, size), path)

    def _make_room(self, claimed: Path, size: int) -> bool:
        """Remove the least recently used until `size` more bytes fit; False if downloads that go on take the room."""
        others = [stored for stored in self._stored() if stored.path != claimed]
        if sum(stored.bytes for stored in others if stored.busy) + size > self._limit:
            return False  # nothing is removed for what would not fit afterwards
        excess = sum(stored.bytes for stored in others) + size - self._limit
        for stored in sorted(others, key=lambda stored: stored.used):
            if excess <= 0:
                break
            if not stored.busy:
                stored.path.unlink()
                excess -= stored.bytes
        return True

    def _stored(self) -> Iterator[_Stored]:
        for path in self._root.glob("??/*"):
            match = _FILE.fullmatch(path.name)
            if match:
                facts = path.stat()
                busy = match[1] is not None and _is_locked(path)
                yield _Stored(path, int(match[1]) if busy else facts.st_size, facts.st_mtime_ns, busy)

    def _require_disk(self, wanted: Wanted, there: int) -> None:
        free = shutil.disk_usage(self._root).free
        if free < wanted.size - there:
            raise DataError(
                f"{self._root}: {_gib(free)} free, {wanted.name} needs {_gib(wanted.size - there)}; "
                "free some or set data.cache to a folder on a larger disk"
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What the disk refuses, in one line; the network's errors are no OSErrors here."""
        try:
            yield
        except OSError as error:
            if error.errno in (ENOSPC, EDQUOT):
                remedy = "free some or set data.cache to a folder on a larger disk"
                raise DataError(f"{self._root}: no space left; {remedy}") from error
            rule = f"{self._root} cannot be used ({error.strerror})"
            raise ConfigError(f"data.cache: {rule}; choose a folder on a disk of this node") from error


def _part_path(path: Path, size: int) -> Path:
    return path.with_suffix(f".{size}.part")


def _present(path: Path, size: int) -> bool:
    """Whether the shard is there; it then counts as just used."""
    try:
        found = path.stat().st_size
        with suppress(PermissionError):  # another user's file: it ages, but can be read
            os.utime(path)
    except FileNotFoundError:
        return False
    return found == size


def _fill(part: FileIO, wanted: Wanted, stop: threading.Event) -> None:
    """Download what is missing; a wrong hash is given one more try, from the beginning."""
    found = ""
    for _ in range(2):
        try:
            found = _download(part, wanted, stop)
        except OSError:
            part.truncate(0)  # a full disk is not left full
            raise
        if found == wanted.sha256:
            return
        part.truncate(0)
    rule = f"sha256 is {found}, the manifest says {wanted.sha256}"
    raise DataError(f"{wanted.name}: {rule}; the copy there is damaged: upload the set again")


def _download(part: FileIO, wanted: Wanted, stop: threading.Event) -> str:
    """Append what is missing; the sha256 of all."""
    part.seek(0)
    digest, size = hashlib.sha256(), 0
    while data := part.read(2**20):
        digest.update(data)
        size += len(data)
    for offset, data in wanted.chunks(size):
        if stop.is_set():
            raise Stopped
        if offset != size:
            part.truncate(0)
            digest, size = hashlib.sha256(), 0
        _append(part, data)
        digest.update(data)
        size += len(data)
    return digest.hexdigest()


def _append(part: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[part.write(rest) :]


def _lock_at_once(file: FileIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked(path: Path) -> bool:
    with FileIO(path, "r") as file:
        return not _lock_at_once(file)


def _gib(size: int) -> str:
    return f"{size / 2**30:.3g} GiB"

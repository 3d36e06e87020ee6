"""Where a prepared set lies: its small files are read whole, its shards are had as files of this node."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_CHUNK_BYTES = 2**20  # of a shard on disk


class Stopped(Exception):
    """The caller's event was set."""


class Place(Protocol):
    """A prepared set's files, by their names in the manifest."""

    @property
    def root(self) -> Path | None:
        """The folder of the set; None: it lies elsewhere, and `fetch` gives copies."""
        ...

    def describe(self, name: str = "") -> str:
        """How messages call one of the files, or the set."""
        ...

    def read(self, name: str) -> bytes:
        """A small file. FileNotFoundError if there is none, another OSError or DataError if it cannot be read."""
        ...

    def fetch(self, name: str, size: int, sha256: str, stop: threading.Event | None = None) -> Path:
        """A shard as a file of this node, downloaded and checked first where it lies elsewhere.

        DataError for a download that fails or differs from size and sha256. A copy may be removed once it is open.
        Stopped once `stop` is set.
        """
        ...

    def chunks(self, name: str, size: int, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """A shard of `size` bytes from `start` on, from where it lies, past any copy: (offset, bytes) in order.

        Offset 0 where another was due: the shard begins anew. OSError or DataError if it cannot be read.
        """
        ...

    def require_room(self, size: int) -> None:
        """ConfigError if `size` bytes of shards cannot be had as files at the same time."""
        ...

    def forget(self, sha256: str) -> bool:
        """Drop this node's copy of a shard that turned out damaged -> whether `fetch` can bring another."""
        ...


@dataclass(frozen=True)
class LocalPlace:
    """A folder. Its shards are not hashed here: the index holds a checksum of every sample."""

    root: Path

    def describe(self, name: str = "") -> str:
        return str(self.root / name)

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def fetch(self, name: str, size: int, sha256: str, stop: threading.Event | None = None) -> Path:
        return self.root / name

    def chunks(self, name: str, size: int, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """To the end of the file, wherever that is."""
        with (self.root / name).open("rb") as file:
            file.seek(start)
            while data := file.read(_CHUNK_BYTES):
                yield start, data
                start += len(data)

    def require_room(self, size: int) -> None:
        """They are there already."""

    def forget(self, sha256: str) -> bool:
        return False

"""Writing the shards and the index of one resolution: ordinary tars whose bytes depend on the samples alone.

What is written can be taken up again: every file is appended to, `state` says how much of it counts, and a TarSet made
from that state cuts off the rest.
"""

import hashlib
import json
import os
import shutil
import struct
import tarfile
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydantic import BaseModel

from progan.data.codec import extension
from progan.data.manifest import ResolutionFiles, Shard, index_name, key, shard_name
from progan.data.sources.base import Label
from progan.files import atomic_path
from progan.types import DataError

ROWS = ".rows"  # the suffix of an array that still grows
SHARD_BYTES = 256 * 2**20  # a shard is closed once it is this large

_TAR_BLOCK = 512
_BUFFER = 2**18  # bytes that a file gathers before they are written
_HASHED_AT_ONCE = 2**20
_INDEX_ROW = 4 * 8  # bytes


class TarState(BaseModel):
    """How far a TarSet has come."""

    shards: tuple[Shard, ...] = ()  # closed
    count: int = 0  # samples in the open shard
    bytes: int = 0  # of the open shard; 0: none is open


class Appended:
    """A file that is appended to and can be cut back to the length that a state names."""

    def __init__(self, path: Path, length: int = 0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file: BinaryIO = path.open("r+b" if length else "wb", buffering=_BUFFER)
        if os.fstat(self._file.fileno()).st_size < length:
            raise DataError(f"{path}: shorter than when it was last saved; delete {path.parent} and prepare again")
        self._file.truncate(length)
        self._file.seek(length)
        self.length = length

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.length += len(data)

    def sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self.sync()
        self._file.close()


class TarSet:
    """The shards and the index of one resolution."""

    def __init__(self, root: Path, resolution: int, encoding: str, shard_bytes: int, state: TarState) -> None:
        self.resolution = resolution
        self.encoding = encoding
        self._root = root
        self._shard_bytes = shard_bytes
        self._shards = list(state.shards)
        self._open = _Tar(root, self._next_name(), state.count, state.bytes) if state.bytes else None
        rows = sum(shard.count for shard in state.shards) + state.count
        self._index = Appended(root / f"{index_name(resolution)}{ROWS}", rows * _INDEX_ROW)

    @property
    def state(self) -> TarState:
        count, size = (self._open.count, self._open.size) if self._open else (0, 0)
        return TarState(shards=tuple(self._shards), count=count, bytes=size)

    def add(self, number: int, data: bytes, checksum: int, label: Label | None) -> None:
        """Append sample `number`. checksum: CRC-32 of data. label: None in an unlabelled set."""
        if self._open is None:
            self._open = _Tar(self._root, self._next_name())
        offset = self._open.add(f"{key(number)}.{extension(self.encoding)}", data)
        if isinstance(label, tuple):
            self._open.add(f"{key(number)}.json", json.dumps(label).encode())
        elif label is not None:
            self._open.add(f"{key(number)}.cls", str(label).encode())
        self._open.count += 1
        self._index.write(struct.pack("<4q", len(self._shards), offset, len(data), checksum))
        if self._open.size >= self._shard_bytes:
            self._close_shard()

    def sync(self) -> None:
        self._index.sync()
        if self._open:
            self._open.sync()

    def close(self) -> None:
        """Let go of the files as they are."""
        self._index.close()
        if self._open:
            self._open.release()

    def finish(self) -> ResolutionFiles:
        self._close_shard()
        self._index.close()
        shape = (self._index.length // _INDEX_ROW, 4)
        sha256 = save_rows(self._index.path, self._root / index_name(self.resolution), shape)
        return ResolutionFiles(encoding=self.encoding, shards=tuple(self._shards), index_sha256=sha256)

    def _next_name(self) -> str:
        return shard_name(self.resolution, len(self._shards))

    def _close_shard(self) -> None:
        if self._open is not None:
            self._shards.append(self._open.close())
            self._open = None


class _Tar:
    """One shard. Members carry no time, owner or machine: equal samples make equal bytes."""

    def __init__(self, root: Path, name: str, count: int = 0, size: int = 0) -> None:
        self.count = count  # samples, kept by the owner
        self._name = name
        self._file = Appended(root / name, size)
        self._digest = _hash_of(root / name) if size else hashlib.sha256()

    @property
    def size(self) -> int:
        return self._file.length

    def add(self, name: str, data: bytes) -> int:
        """Append a member and return where its data begin."""
        offset = self.size + _TAR_BLOCK
        self._write(b"".join((header(name, len(data)), data, bytes(-len(data) % _TAR_BLOCK))))
        return offset

    def sync(self) -> None:
        self._file.sync()

    def release(self) -> None:
        self._file.close()

    def close(self) -> Shard:
        self._write(bytes(2 * _TAR_BLOCK))
        self._file.close()
        return Shard(name=self._name, count=self.count, bytes=self.size, sha256=self._digest.hexdigest())

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)


def header(name: str, size: int) -> bytes:
    """What tarfile writes before a member (POSIX ustar), by filling in a form: eight times as fast."""
    blank, total = _form()
    label, digits = name.encode(), b"%011o" % size
    form = bytearray(blank)
    form[: len(label)] = label
    form[124:135] = digits
    form[148:154] = b"%06o" % (total + sum(label) + sum(digits))
    return bytes(form)


@cache
def _form() -> tuple[bytes, int]:
    """A header without name and size, and the sum of its bytes with the checksum's place counted as blanks."""
    form = bytearray(tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT))
    form[124:135] = bytes(11)
    return bytes(form), sum(form) - sum(form[148:156]) + 8 * ord(" ")


def save_rows(rows: Path, path: Path, shape: tuple[int, ...]) -> str:
    """Write the int64 numbers in `rows` as the .npy file that np.save would make of them; its sha256."""
    with atomic_path(path) as temporary:
        with rows.open("rb") as source, temporary.open("wb") as file:
            facts = {"descr": "<i8", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, facts)
            shutil.copyfileobj(source, file)
        return _hash_of(temporary).hexdigest()


def _hash_of(path: Path) -> "hashlib._Hash":
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASHED_AT_ONCE):
            digest.update(block)
    return digest

"""Writing the shards and the index of one resolution: ordinary tars whose bytes depend on the samples alone."""

import hashlib
import io
import tarfile
from array import array
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from progan.data.manifest import ResolutionFiles, Shard, index_name, key, shard_name
from progan.files import atomic_path

SHARD_BYTES = 256 * 2**20  # a shard is closed once it is this large

_TAR_BLOCK = 512


class TarSet:
    """The shards and the index of one resolution."""

    def __init__(self, root: Path, resolution: int, shard_bytes: int) -> None:
        self.resolution = resolution
        self._root = root
        self._shard_bytes = shard_bytes
        self._shards: list[Shard] = []
        self._index = array("q")
        self._open: _Tar | None = None

    def add(self, number: int, png: bytes, label: int | None) -> None:
        if self._open is None:
            self._open = _Tar(self._root, shard_name(self.resolution, len(self._shards)))
        offset = self._open.add(f"{key(number)}.png", png)
        if label is not None:
            self._open.add(f"{key(number)}.cls", str(label).encode())
        self._open.count += 1
        self._index.extend((len(self._shards), offset, len(png)))
        if self._open.size >= self._shard_bytes:
            self._close_shard()

    def finish(self) -> ResolutionFiles:
        self._close_shard()
        index = np.array(self._index, np.int64).reshape(-1, 3)
        sha256 = save_array(self._root / index_name(self.resolution), index)
        return ResolutionFiles(shards=tuple(self._shards), index_sha256=sha256)

    def _close_shard(self) -> None:
        if self._open is not None:
            self._shards.append(self._open.close())
            self._open = None


class _Tar:
    """One shard. Members carry no time, owner or machine: equal samples make equal bytes."""

    def __init__(self, root: Path, name: str) -> None:
        self.count = 0  # samples, kept by the owner
        self.size = 0  # bytes written
        self._name = name
        self._digest = hashlib.sha256()
        self._files = ExitStack()
        path = self._files.enter_context(atomic_path(root / name))
        self._file: BinaryIO = self._files.enter_context(path.open("wb"))

    def add(self, name: str, data: bytes) -> int:
        """Append a member and return where its data begin."""
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self._write(member.tobuf(tarfile.USTAR_FORMAT))
        offset = self.size
        self._write(data + bytes(-len(data) % _TAR_BLOCK))
        return offset

    def close(self) -> Shard:
        self._write(bytes(2 * _TAR_BLOCK))
        self._files.close()
        return Shard(name=self._name, count=self.count, bytes=self.size, sha256=self._digest.hexdigest())

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)


def save_array(path: Path, values: NDArray[np.int64]) -> str:
    """Write an .npy file; its sha256."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()

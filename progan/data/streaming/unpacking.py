"""One shard read front to back through webdataset, into memory, and believed only when its hash is right."""

import hashlib
import io
import threading
from collections.abc import Iterator
from typing import Any

from progan.data.images import one_line
from progan.data.manifest import REMEDY, Shard, key
from progan.data.place import Place, Stopped
from progan.types import DataError


class _Altered(Exception):
    """The bytes are not those of the manifest; the message is the reason."""


def read_samples(place: Place, shard: Shard, first: int, extension: str, stop: threading.Event) -> list[bytes]:
    """The encoded samples of a whole shard in their order, all of its bytes verified.

    first: number of the shard's first sample; extension: of the samples' members, those of labels are passed over.
    DataError naming the shard if it is missing, truncated or, twice, altered: never a part of it. Stopped once
    `stop` is set. Takes the memory of one shard.
    """
    reason = ""
    for _ in range(2):
        try:
            return _verified(place, shard, first, extension, stop)
        except _Altered as error:
            reason = str(error)
    raise DataError(f"{place.describe(shard.name)}: {reason}; {REMEDY}")


def _verified(place: Place, shard: Shard, first: int, extension: str, stop: threading.Event) -> list[bytes]:
    source = _Hashed(_chunks(place, shard), stop)
    samples: list[bytes] = []
    problem = ""
    try:
        samples = _unpacked(io.BufferedReader(source, 2**18), shard, first, extension)
    except Exception as error:  # whatever altered bytes make the readers of tars raise
        problem = one_line(error)
    source.drain()
    source.raise_failure()
    if source.size != shard.bytes:
        raise _Altered(f"truncated: {source.size} bytes of {shard.bytes}")
    if source.sha256 != shard.sha256:
        raise _Altered(f"altered since it was written: sha256 is {source.sha256}, the manifest says {shard.sha256}")
    if problem:
        name = place.describe(shard.name)
        raise DataError(f"{name}: cannot be unpacked ({problem}); {REMEDY}")
    return samples


def _unpacked(stream: io.BufferedReader, shard: Shard, first: int, extension: str) -> list[bytes]:
    import webdataset.utils
    from webdataset.tariterators import group_by_keys, tar_file_expander

    # Nothing here opens URLs or decodes members by webdataset; should that change, no shell and no pickle.
    webdataset.utils.enforce_security = True
    # Its reader would unpack a compressed file too, whose size nobody knows.
    if not stream.peek(1).startswith(key(first).encode()):
        raise ValueError(f"does not begin with sample {key(first)}")
    files = tar_file_expander(
        [{"url": shard.name, "stream": stream}], select_files=lambda name: str(name).endswith(f".{extension}")
    )
    samples = [_checked(sample, first + place, extension) for place, sample in enumerate(group_by_keys(files))]
    if len(samples) != shard.count:
        raise ValueError(f"{len(samples)} samples, the manifest says {shard.count}")
    return samples


def _checked(sample: dict[str, Any], number: int, extension: str) -> bytes:
    if sample["__key__"] != key(number):
        raise ValueError(f"sample {sample['__key__']} in the place of {key(number)}")
    data: bytes = sample[extension]
    return data


def _chunks(place: Place, shard: Shard) -> Iterator[bytes]:
    """All bytes of a shard."""
    position = 0
    try:
        for offset, data in place.chunks(shard.name, shard.bytes):
            if offset != position:
                raise _Altered("the server began anew in the middle of it")
            yield data
            position += len(data)
    except OSError as error:
        raise DataError(f"{place.describe(shard.name)}: cannot be read ({error.strerror}); {REMEDY}") from error


class _Hashed(io.RawIOBase):
    """Chunks as a file to be read once, hashed on the way."""

    def __init__(self, chunks: Iterator[bytes], stop: threading.Event) -> None:
        # Kept, because webdataset adds to the arguments of every exception that passes through it.
        self._failure: Exception | None = None
        self.size = 0
        self._chunks = chunks
        self._rest = memoryview(b"")
        self._digest = hashlib.sha256()
        self._stop = stop

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest and not self._advance():
            return 0
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def drain(self) -> None:
        """Hash what has not been read."""
        while self._failure is None and self._advance():
            pass

    def raise_failure(self) -> None:
        """Raise what ended the chunks early, if anything did."""
        failure, self._failure = self._failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # it refers to this frame: the two would keep each other, and a shard, in memory

    def _advance(self) -> bool:
        """Take the next chunk; False at the end, or at a failure, which is kept."""
        try:
            if self._stop.is_set():
                raise Stopped
            data = next(self._chunks, b"")
        except (DataError, Stopped, _Altered) as error:
            self._failure, data = error, b""
        self._rest = memoryview(data)
        self._digest.update(data)
        self.size += len(data)
        return bool(data)

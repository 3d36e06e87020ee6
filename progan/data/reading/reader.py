"""Reading samples of one resolution by their offset in the shards; the pixels handed out are checked, each time."""

import os
import zlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from progan.data.codec import RAW, decode_into, raw_header
from progan.data.images import BadImage
from progan.data.manifest import Manifest, key
from progan.data.reading.opened import OpenShards
from progan.types import DataError, ProganError

_RUN = 16  # samples a thread decodes in a row: handing over one by one costs more than decoding a small one
_REMEDY = "copy the shard again or prepare the set again"

Record = tuple[int, int, int, int]  # of the index: shard number, offset, size, CRC-32


class UnreadableSample(DataError):
    """Sample number `row` cannot be had: its shard is missing, cut off or altered."""

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row


class Reading:
    """Samples on their way."""

    def __init__(self, images: Tensor, runs: Sequence["Future[None]"]) -> None:
        self._images = images
        self._runs = runs

    def result(self) -> Tensor:
        """Wait for them: uint8 (N, H, W, 3). UnreadableSample for the first that fails."""
        for run in self._runs:
            run.result()
        return self._images

    def cancel(self) -> None:
        """They are not needed any more."""
        for run in self._runs:
            run.cancel()


class Reader:
    """Reads and decodes in threads of its own, in the order in which batches are begun.

    Threads, because the decoders run without the interpreter's lock, straight into the batch: nothing is carried from
    process to process.
    """

    def __init__(self, manifest: Manifest, resolution: int, threads: int = 1, pin: bool = False) -> None:
        """threads: that decode; raw samples are copied by one. pin: whether batches lie in page-locked memory."""
        self.resolution = resolution
        self._manifest = manifest
        self._files = manifest.files(resolution)
        self._index = manifest.read_index(resolution)
        self._header = raw_header(resolution)
        self._header_sum = zlib.crc32(self._header)
        self._shards = OpenShards(manifest, resolution)
        self._thread_count = 1 if self._files.encoding == RAW else threads
        self._threads = ThreadPoolExecutor(self._thread_count, thread_name_prefix=f"read-{resolution}")
        self._pin = pin

    def begin(self, rows: NDArray[np.int64]) -> Reading:
        """Start reading the samples of these numbers. Nothing is raised before the result is asked for."""
        images = torch.empty((len(rows), self.resolution, self.resolution, 3), dtype=torch.uint8, pin_memory=self._pin)
        pixels = images.numpy()
        size = len(rows) if self._files.encoding == RAW else min(_RUN, -(-len(rows) // self._thread_count))
        starts = range(0, len(rows), max(size, 1))
        runs = [slice(start, start + size) for start in starts]
        return Reading(images, [self._threads.submit(self._fill, pixels[run], rows[run]) for run in runs])

    def close(self) -> None:
        """Drop what was begun and let go of files and threads."""
        self._shards.stop()  # else this would wait for a whole shard
        self._threads.shutdown(cancel_futures=True)
        self._shards.close()

    def _fill(self, images: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        records: list[Record] = self._index[rows].tolist()
        self._shards.refresh({record[0] for record in records})
        self._announce(records)
        read = self._raw if self._files.encoding == RAW else self._coded
        for image, record, row in zip(images, records, rows.tolist(), strict=True):
            try:
                read(image, record)
            except (DataError, OSError) as error:
                raise self._unreadable(row, record[0], error) from error

    def _announce(self, records: Sequence[Record]) -> None:
        """Let the kernel fetch all of them at once: from a cold disk or over a network one by one takes long."""
        with suppress(ProganError, OSError):  # reading meets it again, and knows the sample
            for number, offset, size, _ in records:
                os.posix_fadvise(self._shards.get(number).descriptor, offset, size, os.POSIX_FADV_WILLNEED)

    def _raw(self, image: NDArray[np.uint8], record: Record) -> None:
        """From the file straight into the batch. The header is not read: the sum shows that it was the usual one."""
        number, offset, size, checksum = record
        shard, pixels, header = self._shards.get(number), image.data, len(self._header)  # held while it is read
        got = os.preadv(shard.descriptor, (pixels,), offset + header)
        if header + got != size:
            raise BadImage("the shard is cut off")
        if zlib.crc32(pixels, self._header_sum) == checksum:
            return
        if not self._shards.renew(number, shard):
            raise BadImage("altered since it was written")
        self._raw(image, record)

    def _coded(self, image: NDArray[np.uint8], record: Record) -> None:
        number, offset, size, checksum = record
        shard = self._shards.get(number)
        data = os.pread(shard.descriptor, size, offset)
        if len(data) != size:
            raise BadImage("the shard is cut off")
        if zlib.crc32(data) == checksum:
            decode_into(image, data, self._files.encoding)
        elif self._shards.renew(number, shard):
            self._coded(image, record)
        else:
            raise BadImage("altered since it was written")

    def _unreadable(self, row: int, number: int, error: Exception) -> UnreadableSample:
        name = self._manifest.place.describe(self._files.shards[number].name)
        if isinstance(error, DataError) and not isinstance(error, BadImage):  # a download that names the shard itself
            return UnreadableSample(f"{error} (sample {key(row)})", row)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        return UnreadableSample(f"{name}: sample {key(row)}: {reason}; {_REMEDY}", row)

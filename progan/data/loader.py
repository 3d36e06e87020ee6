"""Reading a prepared set: any batch of a global order that depends on the seed and the position alone."""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from progan.config import Settings
from progan.data.images import BadImage, decode_png
from progan.data.manifest import Manifest, key
from progan.random import generator
from progan.types import Batch, DataError

RESIDENT_BYTES = 2 * 2**30

_THREADS = min(8, os.cpu_count() or 1)  # that decode; Pillow releases the interpreter lock
_OPEN_SHARDS = 64  # a set at 1024 px has more shards than a process may open files
_REMEDY = "copy the shard again or prepare the set again"

_Request = tuple[int, int, int, int, int, int]  # resolution, position, count and the part's start, stop, step


class DataConfig(Settings):
    """What is trained on."""

    path: Path  # of a prepared set: the --out of `progan prepare`
    mirror: bool = True  # show each image mirrored with probability 1/2
    resident_gb: Annotated[float, Field(ge=0)] = 2.0  # a resolution whose images take less is held in memory, GiB

    @property
    def resident_bytes(self) -> int:
        return round(self.resident_gb * 2**30)


class Loader:
    """Batches of a prepared set.

    The global order is an endless row of permutations, one an epoch: sample number `position` is the same for every
    number of processes, nothing is repeated or left out within an epoch, and going on after a restart costs nothing.
    A resolution whose images take at most `resident_bytes` is held in memory from its first use; of larger ones only
    the asked images are read, and the next batch is read ahead.
    """

    def __init__(self, manifest: Manifest, seed: int, resident_bytes: int = RESIDENT_BYTES) -> None:
        self._manifest = manifest
        self._seed = seed
        self._resident_bytes = resident_bytes
        self._labels = torch.from_numpy(manifest.read_labels())
        self._orders: OrderedDict[tuple[str, int], Tensor] = OrderedDict()
        self._resident: dict[int, Tensor] = {}
        self._readers: dict[int, _Reader] = {}
        self._ahead: tuple[_Request, Future[Tensor]] | None = None
        self._background = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")

    def batch(self, resolution: int, position: int, count: int, part: slice = slice(None)) -> Batch:
        """Samples position ... position + count - 1 of the global order, of which `part` is read and returned.

        position: images seen by all processes together. part: a rank's slice of the global batch.
        Images: uint8 N3HW; labels: int64 N. DataError names the shard and the sample that cannot be read.
        """
        rows = self._rows(position, count, part)
        return Batch(self._images_ahead(resolution, position, count, part, rows), self._labels[rows])

    def images(self, resolution: int, start: int, count: int) -> Tensor:
        """Images start ... start + count - 1 of a fixed shuffled order of the whole set, for metrics: uint8 N3HW.

        Every image comes once; DataError if the set has fewer than start + count.
        """
        total = self._manifest.count
        if start < 0 or start + count > total:
            raise DataError(f"{self._manifest.root}: images {start} to {start + count} of a set of {total}; ask fewer")
        return self._read(resolution, self._order("metric-order", 0)[start : start + count])

    def _rows(self, position: int, count: int, part: slice) -> Tensor:
        """Sample numbers: position p is row p mod N of the permutation of epoch p div N."""
        positions = torch.arange(position, position + count)[part]
        epochs = positions // self._manifest.count
        rows = torch.empty_like(positions)
        for epoch in sorted(set(epochs.tolist())):
            chosen = epochs == epoch
            rows[chosen] = self._order("data-order", epoch)[positions[chosen] % self._manifest.count]
        return rows

    def _order(self, stream: str, counter: int) -> Tensor:
        """A permutation of the set; the few last used are kept."""
        name = (stream, counter)
        if name not in self._orders:
            self._orders[name] = torch.randperm(self._manifest.count, generator=generator(self._seed, *name))
        self._orders.move_to_end(name)
        if len(self._orders) > 3:
            self._orders.popitem(last=False)
        return self._orders[name]

    def _images_ahead(self, resolution: int, position: int, count: int, part: slice, rows: Tensor) -> Tensor:
        """The images of `rows`, from the read-ahead if it guessed right; then the next batch is read ahead."""
        if self._fits(resolution):
            return self._read(resolution, rows)
        bounds = part.indices(count)
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == (resolution, position, count, *bounds):
            images = ahead[1].result()
        else:
            images = self._read(resolution, rows)
        following = self._rows(position + count, count, part)
        reading = self._background.submit(self._read, resolution, following)
        self._ahead = ((resolution, position + count, count, *bounds), reading)
        return images

    def _read(self, resolution: int, rows: Tensor) -> Tensor:
        if self._fits(resolution):
            return self._held(resolution)[rows]
        return self._reader(resolution).read(rows.tolist())

    def _fits(self, resolution: int) -> bool:
        return self._manifest.count * 3 * resolution**2 <= self._resident_bytes

    def _held(self, resolution: int) -> Tensor:
        if resolution not in self._resident:
            self._resident[resolution] = _Reader(self._manifest, resolution).read(range(self._manifest.count))
        return self._resident[resolution]

    def _reader(self, resolution: int) -> "_Reader":
        if resolution not in self._readers:
            self._readers[resolution] = _Reader(self._manifest, resolution)
        return self._readers[resolution]


class _Reader:
    """Reads samples of one resolution by their offset in the shards; safe to use from several threads."""

    def __init__(self, manifest: Manifest, resolution: int) -> None:
        self._manifest = manifest
        self._resolution = resolution
        self._index = manifest.read_index(resolution)
        self._open: OrderedDict[int, _OpenShard] = OrderedDict()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"decode-{resolution}")

    def read(self, rows: "range | list[int]") -> Tensor:
        """The samples of these numbers: uint8 N3HW."""
        images = np.empty((len(rows), 3, self._resolution, self._resolution), np.uint8)
        # A thread takes a run of samples: handing over one by one costs more than decoding a small one.
        size = max(1, min(256, -(-len(rows) // _THREADS)))
        runs = [range(start, min(start + size, len(rows))) for start in range(0, len(rows), size)]
        for _ in self._threads.map(partial(self._fill, images, rows), runs):
            pass  # the results lie in `images`; going through them raises what a thread raised
        return torch.from_numpy(images)

    def _fill(self, images: NDArray[np.uint8], rows: "range | list[int]", places: Iterable[int]) -> None:
        for place in places:
            images[place] = self._sample(rows[place]).transpose(2, 0, 1)

    def _sample(self, row: int) -> NDArray[np.uint8]:
        number, offset, size = self._index[row].tolist()
        try:
            return decode_png(self._shard(number).read(offset, size), self._resolution)
        except (BadImage, OSError) as error:
            path = self._manifest.shard_path(self._resolution, number)
            raise DataError(f"{path}: sample {key(row)}: {error}; {_REMEDY}") from error

    def _shard(self, number: int) -> "_OpenShard":
        with self._lock:
            if number not in self._open:
                self._open[number] = _OpenShard(self._manifest, self._resolution, number)
            self._open.move_to_end(number)
            if len(self._open) > _OPEN_SHARDS:
                self._open.popitem(last=False)
            return self._open[number]


class _OpenShard:
    """A shard open for reading. It is closed when the last thread that reads it lets go of it."""

    def __init__(self, manifest: Manifest, resolution: int, number: int) -> None:
        self._descriptor = os.open(manifest.shard_path(resolution, number), os.O_RDONLY)
        expected, found = manifest.shards(resolution)[number].bytes, os.fstat(self._descriptor).st_size
        if found != expected:
            raise BadImage(f"the shard has {found} bytes, not {expected}")

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset)

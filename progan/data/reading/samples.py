"""A set whose samples are read in any order: from files of this node, or from memory once they were read."""

import numpy as np
import torch

from progan.data.cores import cores_each
from progan.data.manifest import Manifest
from progan.data.reading.ahead import Numbered, ReadAhead, Request
from progan.data.reading.order import METRIC_SEED, Order, Shuffled
from progan.data.reading.readable import Begun, Readable
from progan.data.reading.reader import Reader
from progan.data.reading.resident import Resident
from progan.data.reading.skips import Skipped
from progan.data.remote.downloads import Downloads
from progan.data.settings import DataConfig


class Samples:
    """Sample number `position` of an order, at the resolution that is trained. One caller at a time.

    The images of a resolution that fits `config.resident_gb` are held in memory once they were read, one copy for the
    processes of a node. The shards of a remote set are downloaded before they are asked for.
    """

    def __init__(self, manifest: Manifest, config: DataConfig, seed: int, skips: Skipped, local_processes: int) -> None:
        self._manifest = manifest
        self._config = config
        self._seed = seed
        self._skips = skips
        self._shared = local_processes > 1
        self._threads = cores_each(local_processes)
        self._pin = torch.cuda.is_available()  # page-locked images are copied to a device while it computes
        self._metric_order = Shuffled(manifest.count, METRIC_SEED, "metric-order")
        self._batches: list[ReadAhead] = []
        self._readable: dict[int, Readable] = {}  # by resolution
        self._downloads = Downloads(manifest, config.cache_bytes)
        self._resolution = 0  # that is trained

    @property
    def metric_order(self) -> str:
        return f"shuffled {METRIC_SEED}"

    def require(self, resolution: int, batch: int, position: int) -> None:
        """ConfigError where there is not the room. The next resolution so named is downloaded while one is trained."""
        self._downloads.plan(resolution)

    def shuffled(self) -> ReadAhead:
        """Batches of the order that shows each sample once an epoch."""
        return self.ordered(Shuffled(self._manifest.count, self._seed))

    def ordered(self, order: Order) -> ReadAhead:
        """Batches of any order."""

        def begin(request: Request) -> Begun:
            self._enter(request.resolution)
            positions = np.arange(request.position, request.position + request.count)[request.part]
            return self._at(request.resolution).begin(order.rows(positions))

        self._batches.append(ReadAhead(begin, self._config.read_ahead))
        return self._batches[-1]

    def numbered_images(self, resolution: int, start: int, count: int) -> Numbered:
        """Places start ... start + count - 1 of the metrics' order, which has each sample once."""
        rows = self._metric_order.rows(np.arange(start, start + count))
        return self._at(resolution).begin(rows).result()

    def close(self) -> None:
        """Stop reading ahead and let go of files and memory."""
        self._leave()
        self._downloads.stop()

    def _enter(self, resolution: int) -> None:
        """Let go of the resolutions trained before."""
        if resolution != self._resolution:
            self._leave(resolution)
            self._resolution = resolution
            self._downloads.start(resolution)

    def _leave(self, *kept: int) -> None:
        for batches in self._batches:
            batches.drop()
        for resolution in self._readable.keys() - set(kept):
            self._readable.pop(resolution).close()

    def _at(self, resolution: int) -> Readable:
        if resolution not in self._readable:
            self._downloads.require_room(resolution)
            self._readable[resolution] = Readable(self._opened(resolution), resolution, self._skips)
        return self._readable[resolution]

    def _opened(self, resolution: int) -> Reader | Resident:
        count = self._manifest.count
        if not self._config.held_bytes(count, resolution):
            return Reader(self._manifest, resolution, self._threads, self._pin)
        fingerprint = self._manifest.contents.fingerprint if self._shared else None
        return Resident(Reader(self._manifest, resolution, self._threads), count, self._pin, fingerprint)

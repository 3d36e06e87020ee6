"""A set that is streamed as training and metrics ask for it: batches begun before they are wanted."""

from concurrent.futures import Future, ThreadPoolExecutor

import torch

from progan.data.cores import cores_each
from progan.data.manifest import Manifest
from progan.data.reading.ahead import Numbered, ReadAhead, Request
from progan.data.reading.order import METRIC_SEED, Order
from progan.data.reading.skips import Skipped
from progan.data.settings import DataConfig
from progan.data.streaming.reader import StreamReader
from progan.types import ConfigError


class Stream:
    """The samples of a set in the one order that lanes.py gives. Batches are made by a thread, one after another."""

    def __init__(self, manifest: Manifest, config: DataConfig, seed: int, skips: Skipped, local_processes: int) -> None:
        self._reader = StreamReader(manifest, seed, config.lanes, skips.note_shard, cores_each(local_processes))
        self._pin = torch.cuda.is_available()  # page-locked images are copied to a device while it computes
        self._thread = ThreadPoolExecutor(1, "stream")
        self._batches = ReadAhead(self._begin, config.read_ahead)

    @property
    def metric_order(self) -> str:
        return f"stream {METRIC_SEED}"

    def require(self, resolution: int, batch: int, position: int) -> None:
        """ConfigError unless such batches divide among the lanes."""
        self._reader.require(resolution, batch, position)

    def shuffled(self) -> ReadAhead:
        """Batches with each sample once an epoch."""
        return self._batches

    def ordered(self, order: Order) -> ReadAhead:
        raise ConfigError("data.stream: a stream cannot pick out the labelled images that are needed; turn it off")

    def numbered_images(self, resolution: int, start: int, count: int) -> Numbered:
        """Places start ... start + count - 1 of the metrics' order, which has each sample once."""
        pixels, rows = self._reader.numbered_images(resolution, start, count)
        return Numbered(torch.from_numpy(pixels), rows)

    def close(self) -> None:
        """Stop reading ahead and let go of the thread and of memory."""
        self._batches.drop()
        self._reader.close()
        self._thread.shutdown(wait=False)

    def _begin(self, request: Request) -> "Future[Numbered]":
        return self._thread.submit(self._read, request)

    def _read(self, request: Request) -> Numbered:
        pixels, rows = self._reader.batch(request.resolution, request.position, request.count, request.part)
        images = torch.from_numpy(pixels)
        return Numbered(images.pin_memory() if self._pin else images, rows)

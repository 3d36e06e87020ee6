"""Reading a prepared set: any batch of a global order that depends on the seed and the position alone."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from progan.data.cores import cores
from progan.data.manifest import Manifest
from progan.data.reading.ahead import Begun, ReadAhead, Request
from progan.data.reading.order import METRIC_SEED, Order, Shuffled
from progan.data.reading.reader import Reader, UnreadableSample
from progan.data.reading.resident import Resident
from progan.data.reading.shown import ShownLabels
from progan.data.reading.skips import Skipped
from progan.data.settings import DataConfig
from progan.types import Batch, ConfigError, DataError

if TYPE_CHECKING:
    from progan.data.remote.place import CachedPlace, Prefetch
    from progan.data.streaming.reader import StreamReader


class Loader:
    """Batches of a prepared set. One caller at a time.

    Sample number `position` of the global order is the same for every number of processes; see reading/order.py. The
    images of a resolution that fits `config.resident_gb` are held in memory once they were read, one copy for the
    processes of a node. Beside them a process holds 1 + `config.read_ahead` batches.
    """

    def __init__(self, manifest: Manifest, config: DataConfig, seed: int, local_processes: int = 1) -> None:
        """local_processes: that train together on this node and share its cores and memory."""
        self._manifest = manifest
        self._config = config
        self._seed = seed
        self._shared = local_processes > 1
        self._threads = max(1, cores() // local_processes)
        self._pin = torch.cuda.is_available()  # page-locked images are copied to a device while it computes
        self._shown = ShownLabels(manifest, config.labelled_per_class, seed)
        self._order = self._shown.balanced("data.balanced") if config.balanced else Shuffled(manifest.count, seed)
        self._labelled_order: Order | None = None
        self._metric_order = Shuffled(manifest.count, METRIC_SEED, "metric-order")
        self._skips = Skipped(manifest.count, config.max_skipped)
        self._sources: dict[int, Reader | Resident] = {}
        self._ahead = ReadAhead(lambda request: self._begin(request, self._order), config.read_ahead)
        self._labelled_ahead = ReadAhead(self._begin_labelled, config.read_ahead)
        self._resolution = 0  # that is trained
        self._planned: list[int] = []
        self._prefetch: Prefetch | None = None
        self._stream = self._opened_stream()
        self._stream_thread = ThreadPoolExecutor(1, "stream")
        self._stream_ahead = ReadAhead(self._begin_streamed, config.read_ahead)

    @property
    def skipped(self) -> dict[tuple[int, int], str]:
        """(resolution, sample) of those that could not be read -> shard, sample and what is wrong."""
        return dict(self._skips.reasons)  # a copy: a stream that reads ahead may add to them

    @property
    def metric_order(self) -> str:
        """Equal where `images` gives the images of one set in the same order."""
        return f"{'shuffled' if self._stream is None else 'stream'} {METRIC_SEED}"

    def require(self, resolution: int, batch: int, position: int = 0) -> None:
        """ConfigError unless batches of so many images, of all processes together, can be read from this position on.

        Resolutions that are named so are planned: the next one of a remote set is downloaded while one is trained.
        """
        if self._stream is not None:
            self._stream.require(resolution, batch, position)
        else:
            self._require_room(resolution)
        self._planned.append(resolution)

    def batch(self, resolution: int, position: int, count: int, part: slice = slice(None)) -> Batch:
        """Samples position ... position + count - 1 of the global order, of which `part` is read and returned.

        position: images seen by all processes together. part: a rank's slice of the global batch.
        Images: uint8 N3HW, the channels innermost; labels: int64 N, or NK with several labels an image.
        DataError names the shard and the sample that cannot be read; ConfigError where there is not the room.
        """
        if self._stream is not None:
            return self._shown_batch(*self._stream_ahead.take(Request(resolution, position, count, part)).result())
        return self._ordered_batch(self._ahead, Request(resolution, position, count, part))

    def require_labelled(self) -> None:
        """ConfigError unless `labelled_batch` can be asked; DataError where a class has no labelled image."""
        if self._stream is not None:
            raise ConfigError("data.stream: a stream cannot pick out the labelled images that are needed; turn it off")
        self._labelled_order = self._shown.balanced("data.path")

    def labelled_batch(self, resolution: int, position: int, count: int, part: slice = slice(None)) -> Batch:
        """As `batch`, of the images with a label alone, in an order with as many of each class as of any other."""
        return self._ordered_batch(self._labelled_ahead, Request(resolution, position, count, part))

    def images(self, resolution: int, start: int, count: int) -> Tensor:
        """Images start ... start + count - 1 of a fixed shuffled order of the whole set, for metrics: uint8 N3HW.

        The seed does not matter.         Every image comes once; DataError if the set has fewer than start + count.
        """
        return self.numbered_images(resolution, start, count)[0]

    def numbered_images(self, resolution: int, start: int, count: int) -> tuple[Tensor, Tensor]:
        """The same, and the images' numbers in the set: int64 N."""
        total = self._manifest.count
        if start < 0 or start + count > total:
            name = self._manifest.place.describe()
            raise DataError(f"{name}: images {start} to {start + count} of a set of {total}; ask fewer")
        if self._stream is not None:
            pixels, numbers = self._stream.numbered_images(resolution, start, count)
            images = torch.from_numpy(pixels)
        else:
            rows = self._metric_order.rows(np.arange(start, start + count))
            images, numbers = self._finished(resolution, self._begun(resolution, rows))
        return images.permute(0, 3, 1, 2), torch.from_numpy(numbers)

    def close(self) -> None:
        """Stop reading ahead and let go of files and memory."""
        self._ahead.drop()
        self._labelled_ahead.drop()
        self._stream_ahead.drop()
        if self._prefetch is not None:
            self._prefetch.stop()
        self._keep_sources()
        if self._stream is not None:
            self._stream.close()

    def _ordered_batch(self, ahead: ReadAhead[Begun], request: Request) -> Batch:
        self._enter(request.resolution)
        return self._shown_batch(*self._finished(request.resolution, ahead.take(request)))

    def _shown_batch(self, images: Tensor, rows: NDArray[np.int64]) -> Batch:
        return Batch(images.permute(0, 3, 1, 2), self._shown.labels[torch.from_numpy(rows)])

    def _begin(self, request: Request, order: Order) -> Begun:
        positions = np.arange(request.position, request.position + request.count)[request.part]
        return self._begun(request.resolution, order.rows(positions))

    def _begin_streamed(self, request: Request) -> "Future[tuple[Tensor, NDArray[np.int64]]]":
        return self._stream_thread.submit(self._streamed, request)

    def _streamed(self, request: Request) -> tuple[Tensor, NDArray[np.int64]]:
        assert self._stream is not None
        pixels, rows = self._stream.batch(request.resolution, request.position, request.count, request.part)
        images = torch.from_numpy(pixels)
        return images.pin_memory() if self._pin else images, rows

    def _begin_labelled(self, request: Request) -> Begun:
        assert self._labelled_order is not None, "require_labelled was not called"
        return self._begin(request, self._labelled_order)

    def _begun(self, resolution: int, rows: NDArray[np.int64]) -> Begun:
        shown = self._skips.stand_ins(resolution, rows)
        return Begun(shown, self._source(resolution).begin(shown))

    def _finished(self, resolution: int, begun: Begun) -> tuple[Tensor, NDArray[np.int64]]:
        """(N, H, W, 3) and the numbers of the samples, where some are skipped of those in their place."""
        while True:
            try:
                return begun.pending.result(), begun.rows
            except UnreadableSample as problem:
                self._skip(resolution, problem)
                begun = self._begun(resolution, begun.rows)

    def _skip(self, resolution: int, problem: UnreadableSample) -> None:
        """Note the sample, and those after it up to one that can be read; or raise."""
        if self._config.on_error == "stop":
            raise problem
        met: UnreadableSample | None = problem
        while met is not None:
            self._skips.note(resolution, met)
            met = self._problem(resolution, (met.row + 1) % self._manifest.count)

    def _problem(self, resolution: int, row: int) -> UnreadableSample | None:
        """What is wrong with a sample, or with the one that stands in for it."""
        try:
            self._begun(resolution, np.array([row])).pending.result()
        except UnreadableSample as problem:
            return problem
        return None

    def _enter(self, resolution: int) -> None:
        """Let go of the resolutions trained before."""
        if resolution == self._resolution:
            return
        self._ahead.drop()
        self._labelled_ahead.drop()
        self._keep_sources(resolution)
        self._resolution = resolution
        if self._config.is_cached:
            self._fetch_all(resolution)

    def _keep_sources(self, *resolutions: int) -> None:
        for resolution in self._sources.keys() - set(resolutions):
            self._sources.pop(resolution).close()

    def _source(self, resolution: int) -> Reader | Resident:
        if resolution not in self._sources:
            self._require_room(resolution)
            self._sources[resolution] = self._new_source(resolution)
        return self._sources[resolution]

    def _new_source(self, resolution: int) -> Reader | Resident:
        count = self._manifest.count
        if not self._config.held_bytes(count, resolution):
            return Reader(self._manifest, resolution, self._threads, self._pin)
        fingerprint = self._manifest.contents.fingerprint if self._shared else None
        return Resident(Reader(self._manifest, resolution, self._threads), count, self._pin, fingerprint)

    def _require_room(self, resolution: int) -> None:
        """Of a remote set: any sample may be asked for next, so all shards of a resolution must fit the cache."""
        if self._config.is_cached:
            self._cached_place().require_room(self._manifest.files(resolution).bytes)

    def _fetch_all(self, resolution: int) -> None:
        """Download the shards before they are asked for, then the next resolution's if there is room for both."""
        if self._prefetch is not None:
            self._prefetch.stop()
        self._require_room(resolution)
        following = sorted(planned for planned in set(self._planned) if planned > resolution)[:1]
        wanted = [self._manifest.files(size) for size in (resolution, *following)]
        if sum(files.bytes for files in wanted) > self._config.cache_bytes:
            wanted = wanted[:1]
        self._prefetch = self._cached_place().prefetch([shard for files in wanted for shard in files.shards])

    def _cached_place(self) -> "CachedPlace":
        from progan.data.remote.place import CachedPlace

        assert isinstance(self._manifest.place, CachedPlace)
        return self._manifest.place

    def _opened_stream(self) -> "StreamReader | None":
        if not self._config.stream:
            return None
        from progan.data.streaming.reader import StreamReader

        return StreamReader(self._manifest, self._seed, self._config.lanes, self._on_stream_problem, self._threads)

    def _on_stream_problem(self, problem: DataError) -> None:
        """A whole shard of a stream cannot be read."""
        if self._config.on_error == "stop":
            raise problem
        self._skips.note_shard(problem)

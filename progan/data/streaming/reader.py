"""Batches of a set larger than the disk: whole shards are read from where they lie, in the order of lanes.py."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from progan.data.codec import decode_into, extension
from progan.data.images import BadImage
from progan.data.manifest import REMEDY, Manifest, key
from progan.data.reading.order import METRIC_SEED
from progan.data.streaming.lanes import Lane, Span, lane_count, spans
from progan.data.streaming.unpacking import read_samples
from progan.data.streaming.visits import Samples, Walk
from progan.types import ConfigError, DataError

_RUN = 32  # samples handed to a thread at once, at most

_Taken = list[tuple[bytes, int]]  # encoded samples with their numbers


class StreamReader:
    """Reads a set shard by shard, in an order that depends on the seed and the position alone.

    Memory: of each lane that this process reads, the encoded shard in use and the one after it; two shards more while
    `numbered_images` is in use. Any position can be read next; only the shards that hold it are. Safe to use from
    several threads, which wait for one another.
    """

    def __init__(
        self,
        manifest: Manifest,
        seed: int,
        lanes: int,
        on_problem: Callable[[DataError], None],
        threads: int,
    ) -> None:
        """on_problem is told of each visit to a shard that is missing, truncated or altered, in the thread that asked
        for a sample of it. It raises to stop; if it returns, samples of the lane's next readable shard stand in, the
        same in every process. A lane without any readable shard raises DataError. threads: that decode.
        """
        self._manifest = manifest
        self._seed = seed
        self._lanes = lanes
        self._on_problem = on_problem
        self._training = _Course()
        self._measuring = _Course()
        self._threads = threads
        self._decoders = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def require(self, resolution: int, batch: int, position: int = 0) -> None:
        """ConfigError naming data.lanes unless batches of so many samples at this position divide among the lanes."""
        lanes = self._lane_count(resolution)
        for name, value in (("a batch", batch), ("a position", position)):
            if value % lanes:
                rule = f"{name} of {value} images at {resolution} px does not divide among {lanes} lanes"
                raise ConfigError(f"data.lanes: {rule}; set it to {value & -value}, or the batches to its multiples")

    def batch(
        self, resolution: int, position: int, count: int, part: slice = slice(None)
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Samples position ... position + count - 1 of the global order, of which `part` is read and returned.

        Sample i of the batch is of lane i div (count / V), V lanes. Images: (N, H, W, 3); then the samples' numbers in
        the set. ConfigError unless V divides position and count.
        """
        self.require(resolution, count, position)
        lanes = self._lane_count(resolution)
        start, share = position // lanes, count // lanes
        asked = groupby(range(count)[part], key=lambda index: index // share)
        places = {lane: [start + index % share for index in indices] for lane, indices in asked}
        with self._training.lock:
            walks = self._training.at(resolution, lambda: self._walks(resolution))
            for lane in places:  # the first shards of all lanes come at the same time
                walks[lane].begin(places[lane][0])
            taken = [walks[lane].take(place) for lane in places for place in places[lane]]
        return self._decoded(resolution, taken)

    def numbered_images(self, resolution: int, start: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images start ... start + count - 1 of a fixed order of the whole set, shuffled by shard: (N, H, W, 3); then
        their numbers in the set.

        The seed does not matter. Every image comes once; DataError if the set has fewer than start + count.
        """
        total = self._manifest.count
        if start < 0 or start + count > total:
            name = self._manifest.place.describe()
            raise DataError(f"{name}: images {start} to {start + count} of a set of {total}; ask fewer")
        with self._measuring.lock:
            (walk,) = self._measuring.at(resolution, lambda: [self._metric_walk(resolution)])
            taken = [walk.take(place) for place in range(start, start + count)]
        return self._decoded(resolution, taken)

    def close(self) -> None:
        """Let go of the shards in memory and end the reading ahead; the reader can be used again."""
        for course in (self._training, self._measuring):
            course.stop()  # without the lock: who holds it may wait for a shard
            with course.lock:
                course.leave()

    def _lane_count(self, resolution: int) -> int:
        return lane_count(self._lanes, len(self._manifest.shards(resolution)))

    def _walks(self, resolution: int) -> list[Walk]:
        members, lanes = spans(self._manifest.shards(resolution)), self._lane_count(resolution)
        names = [f"stream/{resolution}/lane {number}" for number in range(lanes)]
        return [
            self._walk(resolution, Lane(self._seed, name, members[number::lanes]), endless=True)
            for number, name in enumerate(names)
        ]

    def _metric_walk(self, resolution: int) -> Walk:
        members = spans(self._manifest.shards(resolution))
        return self._walk(resolution, Lane(METRIC_SEED, f"stream-metrics/{resolution}", members), endless=False)

    def _walk(self, resolution: int, lane: Lane, endless: bool) -> Walk:
        files = self._manifest.files(resolution)

        def read(span: Span, stop: threading.Event) -> Samples:
            shard = files.shards[span.shard]
            return read_samples(self._manifest.place, shard, span.first, extension(files.encoding), stop)

        return Walk(lane, read, self._on_problem, endless)

    def _decoded(self, resolution: int, taken: _Taken) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        images = np.empty((len(taken), resolution, resolution, 3), np.uint8)
        size = max(1, min(_RUN, -(-len(taken) // self._threads)))
        runs = [slice(first, first + size) for first in range(0, len(taken), size)]
        for _ in self._decoders.map(partial(self._decode, images, taken), runs):
            pass  # the results lie in `images`; going through them raises what a thread raised
        return images, np.array([number for _, number in taken], np.int64)

    def _decode(self, images: NDArray[np.uint8], taken: _Taken, run: "slice[int, int, None]") -> None:
        resolution = images.shape[1]
        encoding = self._manifest.files(resolution).encoding
        for image, (data, number) in zip(images[run], taken[run], strict=True):
            try:
                decode_into(image, data, encoding)
            except BadImage as error:  # its bytes are those that were written: no other sample would fare better
                name = self._manifest.place.describe()
                raise DataError(f"{name}: sample {key(number)} at {resolution} px: {error}; {REMEDY}") from error


class _Course:
    """The walks of one use of a reader, at one resolution at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._resolution: int | None = None
        self._walks: list[Walk] = []

    def at(self, resolution: int, make: Callable[[], list[Walk]]) -> list[Walk]:
        if resolution != self._resolution:
            self.leave()
            self._walks, self._resolution = make(), resolution
        return self._walks

    def stop(self) -> None:
        for walk in self._walks:
            walk.stop()

    def leave(self) -> None:
        for walk in self._walks:
            walk.close()
        self._walks, self._resolution = [], None

"""Reading a prepared set: any batch of a global order that depends on the seed and the position alone."""

from typing import Protocol

import torch
from torch import Tensor

from progan.data.manifest import Manifest
from progan.data.reading.ahead import Numbered, ReadAhead, Request
from progan.data.reading.order import Order
from progan.data.reading.samples import Samples
from progan.data.reading.shown import ShownLabels
from progan.data.reading.skips import Skipped
from progan.data.settings import DataConfig
from progan.data.streaming.stream import Stream
from progan.types import Batch, DataError


class Images(Protocol):
    """The images of a set by their numbers, as a set is read: see samples.py and stream.py."""

    @property
    def metric_order(self) -> str: ...
    def require(self, resolution: int, batch: int, position: int) -> None: ...
    def shuffled(self) -> ReadAhead: ...
    def ordered(self, order: Order) -> ReadAhead: ...
    def numbered_images(self, resolution: int, start: int, count: int) -> Numbered: ...
    def close(self) -> None: ...


class Loader:
    """Batches of a prepared set, with the labels that training is shown. One caller at a time.

    Sample number `position` of the global order is the same for every number of processes; see reading/order.py.
    A process holds 1 + `config.read_ahead` batches, beside what samples.py or stream.py keep in memory.
    """

    def __init__(self, manifest: Manifest, config: DataConfig, seed: int, local_processes: int = 1) -> None:
        """local_processes: that train together on this node and share its cores and memory."""
        self._manifest = manifest
        self._shown = ShownLabels(manifest, config.labelled_per_class, seed)
        self._skips = Skipped(manifest.count, config.max_skipped if config.on_error == "skip" else None)
        read = Stream if config.stream else Samples
        self._images: Images = read(manifest, config, seed, self._skips, local_processes)
        balanced = self._shown.balanced("data.balanced") if config.balanced else None
        self._batches = self._images.shuffled() if balanced is None else self._images.ordered(balanced)
        self._labelled_batches: ReadAhead | None = None

    @property
    def skipped(self) -> dict[tuple[int, int], str]:
        """(resolution, sample) of those that could not be read -> shard, sample and what is wrong."""
        return dict(self._skips.reasons)  # a copy: a stream that reads ahead may add to them

    @property
    def metric_order(self) -> str:
        """Equal where `images` gives the images of one set in the same order."""
        return self._images.metric_order

    def require(self, resolution: int, batch: int, position: int = 0) -> None:
        """ConfigError unless batches of so many images, of all processes together, can be read from this position on.

        Resolutions that are named so are planned: the next one of a remote set is downloaded while one is trained.
        """
        self._images.require(resolution, batch, position)

    def batch(self, resolution: int, position: int, count: int, part: slice = slice(None)) -> Batch:
        """Samples position ... position + count - 1 of the global order, of which `part` is read and returned.

        position: images seen by all processes together. part: a rank's slice of the global batch.
        Images: uint8 N3HW, the channels innermost; labels: int64 N, or NK with several labels an image.
        DataError names the shard and the sample that cannot be read; ConfigError where there is not the room.
        """
        return self._taken(self._batches, Request(resolution, position, count, part))

    def require_labelled(self) -> None:
        """ConfigError unless `labelled_batch` can be asked; DataError where a class has no labelled image."""
        self._labelled_batches = self._images.ordered(self._shown.balanced("data.path"))

    def labelled_batch(self, resolution: int, position: int, count: int, part: slice = slice(None)) -> Batch:
        """As `batch`, of the images with a label alone, in an order with as many of each class as of any other."""
        assert self._labelled_batches is not None, "require_labelled was not called"
        return self._taken(self._labelled_batches, Request(resolution, position, count, part))

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
        images, rows = self._images.numbered_images(resolution, start, count)
        return images.permute(0, 3, 1, 2), torch.from_numpy(rows)

    def close(self) -> None:
        """Stop reading ahead and let go of files and memory."""
        self._images.close()

    def _taken(self, batches: ReadAhead, request: Request) -> Batch:
        images, rows = batches.take(request).result()
        return Batch(images.permute(0, 3, 1, 2), self._shown.labels[torch.from_numpy(rows)])

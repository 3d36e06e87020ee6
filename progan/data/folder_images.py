"""The pictures of a folder or zip as they are, for measuring: uint8 RGB, neither turned, cropped nor resized.

Pixels are those of Pillow's convert("RGB"), because torch-fidelity and the code of most papers read pictures so.
`progan prepare` also heeds EXIF orientation, colour profiles and transparency, so of pictures that have these it makes
other pixels.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from progan.data.images import MAX_PIXELS, SUFFIXES, TOO_LARGE, BadImage, Pixels, opened
from progan.data.reading.order import METRIC_SEED, Shuffled
from progan.data.sources.base import Entry, digest
from progan.data.sources.files import listed
from progan.data.sources.given import Given
from progan.types import DataError

Size = tuple[int, int]  # width, height in px
Result = TypeVar("Result")

_AT_ONCE = 256  # files examined between two signs of progress


class _Facts(NamedTuple):
    """Of one file."""

    size: Size
    bytes: int
    sha256: str


class FolderImages:
    """Pictures of one size, read by threads when they are asked for. One caller at a time."""

    def __init__(self, path: Path, threads: int) -> None:
        """DataError for what is neither a folder nor a zip, without an image, or whose first one cannot be read."""
        self._path = path
        self._entries, self._read, _ = listed(Given(str(path), path))
        if not self._entries:
            raise DataError(f"{path}: no image in it; looked for {' '.join(SUFFIXES)}")
        self._order = Shuffled(self.count, METRIC_SEED, "metric-order")
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pictures")
        self.size = self._on_threads(self._facts, self._entries[:1])[0].size

    @property
    def count(self) -> int:
        return len(self._entries)

    def fingerprint(self, seen: Callable[[int, int], None]) -> str:
        """A digest of names, sizes and contents; a folder and a zip of it have the same.

        Reads every file. DataError names the first that is no picture or has another size in px than the first one.
        seen: told how many files have been read, and of how many.
        """
        return digest(self._lines(seen))

    def images(self, start: int, count: int) -> Tensor:
        """Images start ... start + count - 1 by name: uint8 N3HW. DataError names a picture that cannot be read."""
        return self._pictures(self._entries[start : start + count])

    def shuffled(self, start: int, count: int) -> Tensor:
        """`images`, in a random order that is always the same."""
        rows = self._order.rows(np.arange(start, start + count))
        return self._pictures([self._entries[row] for row in rows.tolist()])

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    def _lines(self, seen: Callable[[int, int], None]) -> Iterator[str]:
        for first in range(0, self.count, _AT_ONCE):
            some = self._entries[first : first + _AT_ONCE]
            for entry, facts in zip(some, self._on_threads(self._facts, some), strict=True):
                self._require_size(entry, facts.size)
                yield f"{entry.name} {facts.bytes} {facts.sha256}"
            seen(first + len(some), self.count)

    def _require_size(self, entry: Entry, size: Size) -> None:
        if size != self.size:
            (width, height), (first_width, first_height) = size, self.size
            rule = f"{width}x{height} px, but {self._entries[0].name} has {first_width}x{first_height} px"
            raise DataError(f"{self._path}: {entry.name} has {rule}; bring all to one size: progan prepare")

    def _pictures(self, entries: Sequence[Entry]) -> Tensor:
        pixels = np.stack(self._on_threads(self._picture, entries))
        return torch.from_numpy(pixels).permute(0, 3, 1, 2)

    def _on_threads(self, call: Callable[[Entry], Result], entries: Sequence[Entry]) -> list[Result]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of oddities in a file that is readable all the same
            return list(self._threads.map(call, entries))

    def _facts(self, entry: Entry) -> _Facts:
        with self._naming(entry):
            data = self._read(entry)
            with opened(data) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise BadImage(TOO_LARGE)
                return _Facts(image.size, len(data), hashlib.sha256(data).hexdigest())

    def _picture(self, entry: Entry) -> Pixels:
        """(H, W, 3)."""
        with self._naming(entry), opened(self._read(entry)) as image:
            self._require_size(entry, image.size)
            return np.asarray(image.convert("RGB"))

    @contextmanager
    def _naming(self, entry: Entry) -> Iterator[None]:
        try:
            yield
        except BadImage as error:
            raise DataError(f"{self._path}: {entry.name}: {error}; replace it or take it out") from error

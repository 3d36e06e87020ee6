"""What a worker does with a picture: load, crop, average, encode. Imported by worker processes, so without torch."""

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from progan.data.codec import encode
from progan.data.frames import Frame
from progan.data.images import BadImage, Pixels, pyramid
from progan.data.sources.base import Entry, Label, Raw


@dataclass(frozen=True)
class Sample:
    """One picture at every resolution."""

    entry: int  # its number in the source
    name: str
    label: Label
    content: str  # digest of its whole square, before any reduction: equal pixels have equal digests
    encoded: tuple[tuple[bytes, int], ...]  # ascending by resolution: the stored bytes and their CRC-32


@dataclass(frozen=True)
class Reject:
    """A picture that cannot be used."""

    entry: int
    name: str
    reason: str
    content: str | None = None  # of a duplicate: the digest it shares


@dataclass(frozen=True)
class Render:
    """Picklable: entries with their numbers -> samples and rejects, in order."""

    load: Callable[[Entry], Raw]
    frame: Frame
    encodings: dict[int, str]  # by resolution, ascending

    def __call__(self, entries: Sequence[tuple[int, Entry]]) -> list[Sample | Reject]:
        return [self._one(number, entry) for number, entry in entries]

    def _one(self, number: int, entry: Entry) -> Sample | Reject:
        top = max(self.encodings)
        try:
            raw = self.load(entry)
            square = self.frame(entry, raw.pixels, top)
            levels = pyramid(square, top)
        except BadImage as error:
            return Reject(number, entry.name, str(error))
        encoded = [encode(levels[resolution], encoding) for resolution, encoding in self.encodings.items()]
        return Sample(
            number, entry.name, raw.label, _digest(square), tuple((data, zlib.crc32(data)) for data in encoded)
        )


def _digest(square: Pixels) -> str:
    digest = hashlib.blake2b(repr(square.shape).encode(), digest_size=8)
    digest.update(square.tobytes())
    return digest.hexdigest()

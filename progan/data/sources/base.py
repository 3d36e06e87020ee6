"""What every source is: a sequence of light entries and a function that loads one. Pictures are never held."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast, overload

from progan.data.frames import Frame
from progan.data.images import BadImage, Pixels
from progan.types import UNLABELLED, DataError

Label = int | tuple[int, ...]  # a class index or UNLABELLED; of a set with several labels 1 or 0 for each class
Identity = dict[str, str | int | float | bool | None]

_OfFile = TypeVar("_OfFile", bound=Callable[..., Any])


@dataclass(frozen=True)
class SourceOptions:
    """What a user can say about a source. A source refuses what it cannot give."""

    resolution: int | None = None  # px of the largest samples; None: not chosen yet
    limit: int | None = None  # images; the synthetic faces have no end of their own
    label: str | None = None  # what makes the classes; None: unlabelled
    partition: str = "all"  # of a set that is divided: train, val, test
    seed: int = 0  # of the synthetic faces, and of the order if it is shuffled
    crop: str = "auto"  # "auto": the source's usual one; "centre"; "box": CelebA's boxes; "face": aligned by landmarks
    shuffle: bool = False  # put the pictures in a drawn order, which a stream of a set sorted by class needs
    landmarks: Path | None = None  # table of five points a face, for crop "face"; None: what lies beside the images


@dataclass(frozen=True, slots=True)
class Entry:
    """One raw picture, not yet read."""

    name: str  # unique in its source
    label: Label = UNLABELLED
    place: tuple[int, ...] = ()  # where it lies inside a container file; its meaning is the source's own
    landmarks: tuple[float, ...] = ()  # x, y in px of eye L, eye R, nose, mouth L, mouth R; empty: not known
    box: tuple[float, ...] = ()  # left, top, width, height of the face in px; empty: not known


@dataclass(frozen=True)
class Numbered(Sequence[Entry]):
    """Entries that are called by their numbers, and are no list in memory."""

    numbers: range

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> "Numbered": ...
    def __getitem__(self, place: int | slice) -> "Entry | Numbered":
        return Numbered(self.numbers[place]) if isinstance(place, slice) else Entry(str(self.numbers[place]))


@dataclass(frozen=True)
class Raw:
    """One picture as its source holds it."""

    pixels: Pixels
    label: Label


@dataclass(frozen=True)
class Source:
    """A finite, ordered set of raw pictures. `load` and `frame` are picklable: worker processes use them."""

    path: str  # as it was given
    identity: Identity  # equal: the same pictures, order, labels and crops
    classes: tuple[str, ...]  # in label order; empty: unlabelled
    entries: Sequence[Entry]
    load: Callable[[Entry], Raw]  # raises BadImage for a picture that cannot be used
    frame: Frame  # which square of it is kept
    multilabel: bool = False  # whether labels are tuples: a picture can belong to several classes


def labelled(source: Source, label: str, classes: tuple[str, ...], labels: Sequence[Label]) -> Source:
    """The same pictures with these labels, one an entry."""
    entries = [replace(entry, label=value) for entry, value in zip(source.entries, labels, strict=True)]
    identity = source.identity | {"label": label, "labels": digest([*classes, *map(str, labels)])}
    multilabel = any(isinstance(value, tuple) for value in labels[:1])
    return replace(source, identity=identity, classes=classes, entries=entries, multilabel=multilabel)


def digest(lines: Iterable[str]) -> str:
    total = hashlib.sha256()
    for line in lines:
        total.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return total.hexdigest()


@contextmanager
def reading() -> Iterator[None]:
    """What the system cannot read is one bad picture, not the end of the job."""
    try:
        yield
    except OSError as error:
        raise BadImage(f"cannot be read: {error.strerror or error}") from error


@contextmanager
def container(path: Path) -> Iterator[BinaryIO]:
    """A file that holds many pictures, open. DataError if it cannot be opened: that is the end of the job."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); is it still there?") from error
    with file:
        yield file


def keeping(count: int) -> Callable[[_OfFile], _OfFile]:
    """For a function of a file: a process keeps its last `count` results, each until the file is written again.

    DataError if the file is not there.
    """

    def decorated(function: _OfFile) -> _OfFile:
        @lru_cache(maxsize=count)
        def kept(version: tuple[int, int], path: Path, *rest: Any) -> Any:
            return function(path, *rest)

        return cast("_OfFile", lambda path, *rest: kept(_version(path), path, *rest))

    return decorated


def _version(path: Path) -> tuple[int, int]:
    """Another one when the file was written again."""
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); is it still there?") from error
    return status.st_mtime_ns, status.st_size

"""CIFAR-10 and CIFAR-100, the python version: a folder of pickled batches, or the .tar.gz itself.

A picture is a row of 3072 bytes: 32x32 of red, then of green, then of blue.
"""

import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from progan.data.frames import BoxFrame, centre_square
from progan.data.sources import pickled
from progan.data.sources.base import Entry, Identity, Raw, Source, SourceOptions, keeping
from progan.data.sources.classes import BY_CLASS, classed
from progan.data.sources.given import Given
from progan.types import DataError

PARTITIONS = ("train", "test")

_SIDE = 32  # px
_VALUES = 3 * _SIDE**2  # of a picture: CHW
_MAX_BYTES = 2**28  # of a batch: CIFAR-100 has 155 MB in one


class Layout(NamedTuple):
    """The files of one of the two sets, and the keys in them."""

    folder: str
    batches: dict[str, tuple[str, ...]]  # by partition
    meta: str
    labels: dict[str, tuple[str, str]]  # what a user calls them -> key in a batch, key of the names in meta


LAYOUTS = (
    Layout(
        "cifar-10-batches-py",
        {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)},
        "batches.meta",
        {BY_CLASS: ("labels", "label_names")},
    ),
    Layout(
        "cifar-100-python",
        {"train": ("train",), "test": ("test",)},
        "meta",
        {BY_CLASS: ("fine_labels", "fine_label_names"), "coarse": ("coarse_labels", "coarse_label_names")},
    ),
)


def recognises(given: Given) -> bool:
    return _find(given.path) is not None


def open_source(given: Given, options: SourceOptions) -> Source:
    """DataError for a damaged or missing file, or a label it does not know."""
    found = _find(given.path)
    assert found is not None
    root, layout = found
    if options.label is not None and options.label not in layout.labels:
        raise DataError(f"{given.spec}: label {options.label!r}: choose one of {', '.join(layout.labels)}, or no label")
    wanted = PARTITIONS if options.partition == "all" else (options.partition,)
    names = [name for partition in wanted for name in layout.batches[partition]]
    entries: list[Entry] = []
    values: list[int] = []
    total = hashlib.sha256()
    for number, name in enumerate(names):
        batch = _batch(root, name)
        total.update(np.ascontiguousarray(batch.pixels).data)
        entries += [Entry(f"{name}/{row:05d}", place=(number, row)) for row in range(len(batch.pixels))]
        if options.label is not None:
            values += batch.labels(layout.labels[options.label][0])
    identity: Identity = {"kind": "cifar", "label": None, "partition": options.partition, "listing": total.hexdigest()}
    source = Source(given.spec, identity, (), entries, partial(_load, root, tuple(names)), BoxFrame(centre_square))
    if options.label is None:
        return source
    return classed(source, options.label, values, _class_names(root, layout, layout.labels[options.label][1]))


def _find(path: Path) -> tuple[Path, Layout] | None:
    """The folder of batches, or the tar, and what it holds."""
    if path.is_file():
        top = _top_folder(path) if tarfile.is_tarfile(path) else None
        return next(((path, layout) for layout in LAYOUTS if layout.folder == top), None)
    for layout in LAYOUTS:
        for folder in (path, path / layout.folder):
            if all((folder / name).is_file() for name in (layout.meta, layout.batches["train"][0])):
                return folder, layout
    return None


def _top_folder(path: Path) -> str | None:
    """Of the first member: reading further would unpack the whole file."""
    try:
        with tarfile.open(path) as tar:
            first = tar.next()
    except (OSError, EOFError, tarfile.TarError, zlib.error):
        return None
    return PurePosixPath(first.name).parts[0] if first and PurePosixPath(first.name).parts else None


@dataclass(frozen=True)
class Batch:
    """The pictures of one file."""

    where: str
    pixels: NDArray[np.uint8]  # (N, 3072): CHW
    facts: dict[Any, Any]

    def labels(self, key: str) -> list[int]:
        values = self.facts.get(key)
        if not isinstance(values, list) or len(values) != len(self.pixels) or not all(map(_is_class, values)):
            raise DataError(f"{self.where}: has no {key} with a number for each picture; get the file again")
        return values


def _is_class(value: object) -> bool:
    return type(value) is int and value >= 0


def _batch(root: Path, name: str) -> Batch:
    return _read(root / name if root.is_dir() else root, root, name)


@keeping(6)
def _read(file: Path, root: Path, name: str) -> Batch:
    """All of them, 31 MB each: a shuffled source asks for pictures of any."""
    where = f"{root}: {name}"
    facts = pickled.read(where, _file(root, name))
    pixels = facts.get("data")
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.shape[1] != _VALUES:
        raise DataError(f"{where}: has no data with {_VALUES} bytes a picture; get the file again")
    return Batch(where, pixels, facts)


def _class_names(root: Path, layout: Layout, key: str) -> list[str]:
    names = pickled.read(f"{root}: {layout.meta}", _file(root, layout.meta)).get(key)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{root}: {layout.meta}: has no {key}; get the file again")
    return names


def _file(root: Path, name: str) -> bytes:
    """A file of the folder or tar. DataError if it is missing, damaged or larger than any of CIFAR."""
    try:
        with _open(root, name) as file:
            data = file.read(_MAX_BYTES + 1)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{root}: {name}: cannot be read ({error}); get it again") from error
    if len(data) > _MAX_BYTES:
        raise DataError(f"{root}: {name}: more than {_MAX_BYTES >> 20} MiB: not a file of CIFAR")
    return data


@contextmanager
def _open(root: Path, name: str) -> Iterator[IO[bytes]]:
    if root.is_dir():
        with (root / name).open("rb") as file:
            yield file
        return
    with tarfile.open(root) as tar:
        found = next((member for member in tar if member.isreg() and PurePosixPath(member.name).name == name), None)
        if found is None:
            raise FileNotFoundError("no such file in it")
        inside = tar.extractfile(found)
        assert inside is not None
        yield inside


def _load(root: Path, names: tuple[str, ...], entry: Entry) -> Raw:
    number, row = entry.place
    planes = _batch(root, names[number]).pixels[row].reshape(3, _SIDE, _SIDE)
    return Raw(np.ascontiguousarray(planes.transpose(1, 2, 0)), entry.label)

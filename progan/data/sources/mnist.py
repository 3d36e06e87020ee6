"""MNIST and the sets made like it: idx files (yann.lecun.com/exdb/mnist), packed with gzip or not."""

import gzip
import hashlib
import os
import re
import zlib
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from progan.data.frames import BoxFrame, centre_square
from progan.data.images import Box, Pixels
from progan.data.sources.base import Entry, Identity, Raw, Source, SourceOptions, digest, keeping
from progan.data.sources.classes import BY_CLASS, Value, classed
from progan.data.sources.given import Given
from progan.types import DataError

PARTITIONS = ("train", "test")

_IMAGES = re.compile(r"(?P<stem>.*)images[-.]idx3-ubyte(\.gz)?")
_SIDE, _PADDED = 28, 32  # px
_LYING = "emnist"  # these files hold each picture with rows and columns exchanged


@dataclass(frozen=True)
class Part:
    """The files of one part. Hashable and picklable."""

    name: str  # of its entries
    images: Path
    labels: Path | None


def recognises(given: Given) -> bool:
    return bool(_image_files(given.path))


def open_source(given: Given, options: SourceOptions) -> Source:
    """DataError for a damaged file, a part that is not there, or any label but BY_CLASS."""
    parts = _chosen(given.spec, _parts(given), options.partition)
    arrays = [_images(part.images) for part in parts]
    entries = [
        Entry(f"{part.name}/{row:05d}", place=(number, row))
        for number, (part, array) in enumerate(zip(parts, arrays, strict=True))
        for row in range(len(array))
    ]
    listing = digest(
        f"{a.shape} {_lies(p)} {hashlib.sha256(a.data).hexdigest()}" for p, a in zip(parts, arrays, strict=True)
    )
    padded = options.resolution is None or options.resolution > _SIDE
    identity: Identity = {"kind": "mnist", "label": None, "partition": options.partition, "listing": listing}
    frame = BoxFrame(padded_square if padded else centre_square)
    source = Source(given.spec, identity, (), entries, partial(_load, tuple(parts)), frame)
    if options.label is None:
        return source
    if options.label != BY_CLASS:
        raise DataError(f"{given.spec}: label {options.label!r}: idx files know only {BY_CLASS!r}")
    counted = zip(parts, map(len, arrays), strict=True)
    return classed(source, BY_CLASS, [value for part, count in counted for value in _values(given.spec, part, count)])


def padded_square(width: int, height: int) -> Box:
    """28 px pictures with 2 px more at each side, so that they halve down to 4 px; others as they are."""
    if width == height == _SIDE:
        margin = (_PADDED - _SIDE) // 2
        return Box(-margin, -margin, _PADDED)
    return centre_square(width, height)


def _image_files(path: Path) -> list[Path]:
    """In a folder, or in its folder "raw", where torchvision puts them; the file itself if it is one."""
    if path.is_file():
        return [path] if _IMAGES.fullmatch(path.name) else []
    folders = (folder for folder in (path, path / "raw") if folder.is_dir())
    found = ([folder / name for name in sorted(filter(_IMAGES.fullmatch, os.listdir(folder)))] for folder in folders)
    return next(filter(None, found), [])


def _parts(given: Given) -> dict[str, Part]:
    """By partition; "" for a file that is named like none. DataError for several of one partition."""
    found: dict[str, Part] = {}
    for images in _image_files(given.path):
        match = _IMAGES.fullmatch(images.name)
        stem = match["stem"] if match else ""
        words = re.split("[^a-z0-9]+", stem.lower())
        name = "train" if "train" in words else "test" if {"t10k", "test"} & set(words) else ""
        part = Part(stem.strip("-._") or "images", images, _labels_file(images))
        other = found.setdefault(name, part)
        if other.name != part.name:
            raise DataError(
                f"{given.spec}: holds several sets, as {other.images.name} and {images.name}; give one of the files"
            )
        if images.suffix != ".gz":  # of one that lies there packed and unpacked
            found[name] = part
    return found


def _labels_file(images: Path) -> Path | None:
    name = images.name.replace("images", "labels").replace("idx3", "idx1")
    names = (name.removesuffix(".gz"), f"{name.removesuffix('.gz')}.gz")
    return next((images.with_name(name) for name in names if images.with_name(name).is_file()), None)


def _chosen(spec: str, parts: dict[str, Part], partition: str) -> list[Part]:
    if partition == "all":
        return [parts[name] for name in (*PARTITIONS, "") if name in parts]
    if partition not in parts:
        there = ", ".join(filter(None, parts)) or "no partitions"
        raise DataError(f"{spec}: partition {partition!r}: no such file in it, there are {there}; use 'all'")
    return [parts[partition]]


def _values(spec: str, part: Part, count: int) -> list[Value]:
    path = part.labels
    if path is None:
        raise DataError(f"{spec}: label {BY_CLASS!r}: no labels file beside {part.images.name}; put it there")
    values: list[Value] = _idx(path, dimensions=1).tolist()
    if len(values) != count:
        raise DataError(f"{path}: {len(values)} labels for {count} images; get both files again")
    return values


@keeping(2)
def _images(path: Path) -> NDArray[np.uint8]:
    """NHW. Each process unpacks a file once, and maps one that is not packed."""
    return _idx(path, dimensions=3)


def _idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """An idx file: 0, 0, 8 (of bytes), the number of dimensions, each as a big-endian 32-bit number, the values."""
    data = _bytes(path)
    start = 4 + 4 * dimensions
    if len(data) < start or data[:4].tolist() != [0, 0, 8, dimensions]:
        raise DataError(f"{path}: not an idx file of bytes in {dimensions} dimensions; get it again")
    shape = np.frombuffer(data[4:start].tobytes(), ">u4").tolist()
    if len(data) - start != prod(shape):
        raise DataError(f"{path}: {len(data) - start} values, not {prod(shape)}: incomplete or damaged; get it again")
    values: NDArray[np.uint8] = data[start:].reshape(shape)
    return values


def _bytes(path: Path) -> NDArray[np.uint8]:
    try:
        if path.suffix != ".gz":
            return np.memmap(path, np.uint8, "r")
        with gzip.open(path) as file:
            return np.frombuffer(file.read(), np.uint8)
    except (OSError, EOFError, zlib.error, ValueError) as error:  # the last: an empty file cannot be mapped
        raise DataError(f"{path}: cannot be read ({error}); get it again") from error


def _lies(part: Part) -> bool:
    return part.name.lower().startswith(_LYING)


def _load(parts: tuple[Part, ...], entry: Entry) -> Raw:
    part, row = parts[entry.place[0]], entry.place[1]
    grey = _images(part.images)[row]
    if _lies(part):
        grey = grey.T
    pixels: Pixels = np.repeat(grey[:, :, None], 3, axis=2)
    return Raw(pixels, entry.label)

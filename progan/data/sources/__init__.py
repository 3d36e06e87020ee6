"""Sources: where raw pictures come from. One file a kind; OPENERS says which kind a path is."""

import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from progan.data.frames import BoxFrame, centre_square
from progan.data.images import SUFFIXES, BadImage
from progan.data.sources import celeba, cifar, divided, files, landmarks, mnist, painted, parquet, webdataset_tars
from progan.data.sources.base import Entry, Raw, Source, SourceOptions
from progan.data.sources.classes import BY_CLASS
from progan.data.sources.given import Given
from progan.types import ConfigError, DataError

__all__ = ["BY_CLASS", "BY_FOLDER", "OPENERS", "Entry", "Raw", "Source", "SourceOptions", "first_side", "open_source"]

BY_FOLDER = files.BY_FOLDER
CROPS = ("auto", "centre", "box", "face")
ALL = "all"  # the partition that is everything


class Opener(NamedTuple):
    """One kind of source on disk."""

    known_by: str  # in words
    recognises: Callable[[Given], bool]
    open: Callable[[Given, SourceOptions], Source]
    partitions: tuple[str, ...] = ()  # that it can be asked for, besides ALL


OPENERS = {  # asked in this order; the last takes what is left
    "CelebA": Opener("img_align_celeba", celeba.recognises, celeba.open_source, ("train", "val", "test")),
    "MNIST": Opener("train-images-idx3-ubyte", mnist.recognises, mnist.open_source, mnist.PARTITIONS),
    "CIFAR": Opener("data_batch_1", cifar.recognises, cifar.open_source, cifar.PARTITIONS),
    "parquet": Opener(parquet.SUFFIX, parquet.recognises, parquet.open_source, divided.PARTITIONS),
    "WebDataset": Opener(
        webdataset_tars.SUFFIX, webdataset_tars.recognises, webdataset_tars.open_source, divided.PARTITIONS
    ),
    "images": Opener(" ".join(SUFFIXES), lambda given: True, files.open_source),
}


def open_source(spec: str, options: SourceOptions | None = None) -> Source:
    """The source that `spec` names: "synthetic" or a path. DataError for what it cannot give, or without an image.

    ConfigError for an option that is none.
    """
    options = options or SourceOptions()
    _check(options)
    given = Given(spec, Path(spec))
    if spec == painted.NAME:
        _require_partition(spec, options.partition, ())
        source = painted.open_source(options)
    else:
        source = _from_path(given, options)
    if not source.entries:
        kinds = ", ".join(f"{name} ({opener.known_by})" for name, opener in OPENERS.items())
        raise DataError(f"{spec}: no image in it; looked for {kinds}")
    return _shuffled(_cropped(source, given, options), options)


def first_side(source: Source) -> int:
    """The side in px of the first usable picture's square. DataError if none of the first hundred can be used."""
    reasons = []
    for entry in source.entries[:100]:
        try:
            height, width, _ = source.load(entry).pixels.shape
            return source.frame.side(entry, width, height)
        except BadImage as error:
            reasons.append(f"{entry.name}: {error}")
    raise DataError(f"{source.path}: none of the first {len(reasons)} images can be used; {reasons[0]}")


def _check(options: SourceOptions) -> None:
    if options.crop not in CROPS:
        raise ConfigError(f"crop: {options.crop!r} is none of {', '.join(CROPS)}")
    if options.landmarks is not None and options.crop != "face":
        raise ConfigError(f"landmarks: {options.landmarks} serves the crop 'face' alone; add --crop face")


def _from_path(given: Given, options: SourceOptions) -> Source:
    spec = given.spec
    if not os.path.exists(given.path):
        raise DataError(f"{spec}: no such file or folder; give a folder or zip of images, or {painted.NAME!r}")
    try:
        opener = next(opener for opener in OPENERS.values() if opener.recognises(given))
        _require_partition(spec, options.partition, opener.partitions)
        return opener.open(given, options)
    except OSError as error:  # a folder or file that this user may not read, a disk that fails
        raise DataError(f"{error.filename or spec}: cannot be read ({error.strerror or error})") from error


def _require_partition(spec: str, partition: str, known: tuple[str, ...]) -> None:
    if partition not in (ALL, *known):
        rule = f"choose one of {', '.join((ALL, *known))}" if known else f"it is not divided; leave it at {ALL!r}"
        raise DataError(f"{spec}: partition {partition!r}: {rule}")


def _shuffled(source: Source, options: SourceOptions) -> Source:
    if not options.shuffle:
        return source
    entries = list(source.entries)
    random.Random(options.seed).shuffle(entries)
    return replace(source, entries=entries, identity=source.identity | {"shuffle": options.seed})


def _cropped(source: Source, given: Given, options: SourceOptions) -> Source:
    centre = BoxFrame(centre_square)
    if options.crop == "face":
        return landmarks.framed(source, given, options)
    if options.crop == "box":
        return celeba.boxed(source, given.path)
    if options.crop == "centre" and source.frame != centre:
        return replace(source, frame=centre, identity=source.identity | {"crop": "centre"})
    return source

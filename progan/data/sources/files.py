"""A folder or zip of images: unlabelled, with a class for each folder, or with the labels of a dataset.json."""

import os
import stat
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from progan.data.frames import BoxFrame, centre_square
from progan.data.images import SUFFIXES, decode
from progan.data.sources import dataset_json, zips
from progan.data.sources.base import Entry, Identity, Raw, Source, SourceOptions, digest, labelled, reading
from progan.data.sources.classes import BY_CLASS
from progan.data.sources.given import Given, is_hidden
from progan.types import DataError

BY_FOLDER = "folder"  # the label that names a class by its top-level folder


def open_source(given: Given, options: SourceOptions) -> Source:
    """DataError for any label but BY_FOLDER and BY_CLASS."""
    source = plain(given)
    if options.label is None or not source.entries:
        return source
    if options.label == BY_FOLDER:
        return _classed_by_folder(source)
    if options.label == BY_CLASS:
        return dataset_json.classed(source, given.path)
    rule = f"plain images have no attributes; use {BY_FOLDER!r}, {BY_CLASS!r} (of {dataset_json.NAME}) or no label"
    raise DataError(f"{given.spec}: label {options.label!r}: {rule}")


class Listing(NamedTuple):
    """The images of a folder or zip in the order of their names."""

    entries: list[Entry]
    read: Callable[[Entry], bytes]  # the file's content; picklable; BadImage for a file that cannot be read
    digest: str  # of names and sizes, in a zip of names and checksums


def plain(given: Given) -> Source:
    """The images of a folder or zip in the order of their names, unlabelled."""
    listing = listed(given)
    identity: Identity = {"kind": "images", "label": None, "listing": listing.digest}
    return Source(given.spec, identity, (), listing.entries, partial(_load, listing.read), BoxFrame(centre_square))


def listed(given: Given) -> Listing:
    """DataError for a path that is neither a folder nor a zip."""
    path = given.path
    if path.is_dir():
        found = ((name, _size(os.path.join(path, name))) for name in given.names if is_image(name))
        sized = sorted((name, size) for name, size in found if size is not None)
        entries = [Entry(name) for name, _ in sized]
        return Listing(entries, partial(_read, path), digest(f"{name} {size}" for name, size in sized))
    if zipfile.is_zipfile(path):
        entries = zips.entries(path, is_image)
        return Listing(entries, partial(zips.read, path), digest(f"{one.name} {one.place[3]}" for one in entries))
    rule = "its end is missing; get it again" if path.suffix.lower() == ".zip" else "unpack it to a folder"
    raise DataError(f"{path}: neither a folder nor a zip, nor another kind of set that is known; {rule}")


def is_image(name: str) -> bool:
    """By suffix; nothing hidden."""
    return name.lower().endswith(SUFFIXES) and not any(map(is_hidden, name.split("/")))


def _size(path: str) -> int | None:
    """In bytes; -1 for a link that leads nowhere, which is one bad picture.

    None for a pipe, a socket or a device, which reading could wait for without end.
    """
    try:
        status = os.stat(path)
    except OSError:
        return -1
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _read(root: Path, entry: Entry) -> bytes:
    with reading():
        return (root / entry.name).read_bytes()


def _load(read: Callable[[Entry], bytes], entry: Entry) -> Raw:
    return Raw(decode(read(entry)), entry.label)


def _classed_by_folder(source: Source) -> Source:
    """Classes by top-level folder, below any folder that wraps everything, as zips often have."""
    parts = [entry.name.split("/") for entry in source.entries]
    depth = 0
    while len({part[depth] for part in parts}) == 1 and all(len(part) > depth + 2 for part in parts):
        depth += 1
    stray = next((part for part in parts if len(part) < depth + 2), None)
    if stray is not None:
        raise DataError(f"{source.path}: label {BY_FOLDER!r}: {'/'.join(stray)} lies in no class folder; move it")
    classes = tuple(sorted({part[depth] for part in parts}))
    numbers = {name: number for number, name in enumerate(classes)}
    return labelled(source, BY_FOLDER, classes, [numbers[part[depth]] for part in parts])

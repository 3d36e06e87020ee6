"""Sources: where raw pictures come from. Each is a list of light entries and one function that loads an entry.

Entries and the function are picklable, so that worker processes load the pictures; the pictures are never held.
"""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import get_args

from progan.data import celeba
from progan.data.images import SUFFIXES, BadImage, Box, Pixels, celeba_square, centre_square, decode
from progan.types import UNLABELLED, DataError

BY_FOLDER = "folder"  # the label that names a class by its top-level folder

_LOCAL_HEADER = 30  # bytes of a zip member's own header, before its name


@dataclass(frozen=True)
class Entry:
    """One raw picture, not yet read."""

    name: str  # unique in its source
    label: int = UNLABELLED
    place: tuple[int, ...] = ()  # in a zip: header offset, packed size, method, CRC-32


@dataclass(frozen=True)
class Raw:
    """One picture as its source holds it."""

    pixels: Pixels
    label: int


@dataclass(frozen=True)
class Source:
    """A finite, ordered set of raw pictures."""

    path: str  # as it was given
    identity: dict[str, str | int | None]  # equal: the same pictures, order and labels
    classes: tuple[str, ...]  # in label order; empty: unlabelled
    entries: Sequence[Entry]
    load: Callable[[Entry], Raw]  # picklable; raises BadImage for a picture that cannot be used
    square: Callable[[int, int], Box]  # width, height of a picture -> the part that is kept


def open_source(
    spec: str,
    *,
    resolution: int | None = None,
    limit: int | None = None,
    label: str | None = None,
    partition: str = "all",
    seed: int = 0,
) -> Source:
    """The source that `spec` names: "synthetic", a CelebA download, or a folder or zip of images.

    resolution, limit, seed: of the synthetic faces, which are drawn at `resolution` px and have no end of their own.
    label: the attribute, or BY_FOLDER, that makes the classes; None: unlabelled.
    partition: the official part of CelebA. DataError for whatever the source cannot give, and if it has no image.
    """
    known = get_args(celeba.Partition)
    if partition not in known:
        raise DataError(f"partition {partition!r}: choose one of {', '.join(known)}")
    source = _synthetic(seed, resolution, limit, label) if spec == "synthetic" else _from_path(spec, label, partition)
    if partition != "all" and source.identity["kind"] != "celeba":
        raise DataError(f"{spec}: partition {partition!r}: only CelebA is divided so; leave it at 'all'")
    if not source.entries:
        raise DataError(f"{spec}: no image in it (looked for {', '.join(SUFFIXES)})")
    return source


def first_side(source: Source) -> int:
    """The side in px of the first usable picture's square. DataError if none of the first hundred can be used."""
    reasons = []
    for entry in source.entries[:100]:
        try:
            height, width, _ = source.load(entry).pixels.shape
            return source.square(width, height).side
        except BadImage as error:
            reasons.append(f"{entry.name}: {error}")
    raise DataError(f"{source.path}: none of the first {len(reasons)} images can be used; {reasons[0]}")


def _synthetic(seed: int, resolution: int | None, limit: int | None, label: str | None) -> Source:
    from progan.data.synthetic import ATTRIBUTES

    if resolution is None or limit is None:
        raise DataError("synthetic: drawn faces have no size or number of their own; give a resolution and a limit")
    if label is not None:
        celeba.require_attribute("synthetic", label, ATTRIBUTES)
    return Source(
        path="synthetic",
        identity={"kind": "synthetic", "label": label, "seed": seed, "resolution": resolution, "count": limit},
        classes=_attribute_classes(label),
        entries=[Entry(str(index)) for index in range(limit)],
        load=partial(_draw, seed, resolution, label),
        square=centre_square,
    )


def _draw(seed: int, resolution: int, label: str | None, entry: Entry) -> Raw:
    from progan.data.synthetic import draw_face

    face = draw_face(seed, int(entry.name), resolution)
    return Raw(face.image, UNLABELLED if label is None else int(face.attributes[label]))


def _from_path(spec: str, label: str | None, partition: str) -> Source:
    path = Path(spec)
    if not path.exists():
        raise DataError(f"{spec}: no such file or folder; give a folder or zip of images, or 'synthetic'")
    images = celeba.find_images(path) or path
    source = _plain(spec, images)
    if images != path or images.stem == celeba.IMAGES or any(map(_within_celeba, source.entries[:1])):
        return _as_celeba(source, images, label, partition)
    if label is None:
        return source
    if label != BY_FOLDER:
        raise DataError(f"{spec}: label {label!r}: plain images have no attributes; use {BY_FOLDER!r} or no label")
    return _classed_by_folder(source)


def _within_celeba(entry: Entry) -> bool:
    return PurePosixPath(entry.name).parts[0] == celeba.IMAGES


def _plain(spec: str, path: Path) -> Source:
    """The images of a folder or zip in the order of their names, unlabelled."""
    if path.is_dir():
        sized = sorted(_walk(path))
        entries = [Entry(name) for name, _ in sized]
        load, listing = partial(_from_folder, path), _digest(f"{name} {size}" for name, size in sized)
    elif zipfile.is_zipfile(path):
        entries = _zip_entries(path)
        load, listing = partial(_from_zip, path), _digest(f"{entry.name} {entry.place[3]}" for entry in entries)
    else:
        raise DataError(f"{path}: neither a folder nor a zip; give a folder or zip of images")
    identity: dict[str, str | int | None] = {"kind": "images", "label": None, "listing": listing}
    return Source(spec, identity, (), entries, load, centre_square)


def _walk(root: Path) -> Iterator[tuple[str, int]]:
    """Relative path and bytes of every image file below a folder."""
    for folder, _, names in os.walk(root):
        for path in (Path(folder, name) for name in names):
            relative = path.relative_to(root).as_posix()
            if _is_image(relative):
                yield relative, path.lstat().st_size


def _zip_entries(path: Path) -> list[Entry]:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if _is_image(member.filename)]
    for member in members:
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{path}: {member.filename} is encrypted or packed in a rare way; unpack it to a folder")
    places = {m.filename: (m.header_offset, m.compress_size, m.compress_type, m.CRC) for m in members}
    return [Entry(name, place=places[name]) for name in sorted(places)]


def _is_image(name: str) -> bool:
    """By suffix; hidden files and the copies that macOS adds beside each file are not pictures."""
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _from_folder(root: Path, entry: Entry) -> Raw:
    with _reading():
        data = (root / entry.name).read_bytes()
    return Raw(decode(data), entry.label)


def _from_zip(path: Path, entry: Entry) -> Raw:
    """Read by offset: a worker need not hold the zip's directory of perhaps 200,000 names."""
    offset, size, method, checksum = entry.place
    with _reading(), path.open("rb") as file:
        file.seek(offset)
        header = file.read(_LOCAL_HEADER)
        file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), os.SEEK_CUR)
        data = file.read(size)
        data = zlib.decompress(data, -zlib.MAX_WBITS) if method == zipfile.ZIP_DEFLATED else data
    if zlib.crc32(data) != checksum:
        raise BadImage("damaged in the zip: wrong checksum")
    return Raw(decode(data), entry.label)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadImage(f"cannot be read: {error.strerror}") from error
    except zlib.error as error:
        raise BadImage(f"damaged in the zip: {error}") from error


def _classed_by_folder(source: Source) -> Source:
    """Classes by top-level folder, below any folder that wraps everything, as zips often have."""
    parts = [PurePosixPath(entry.name).parts for entry in source.entries]
    depth = 0
    while parts and len({part[depth] for part in parts}) == 1 and all(len(part) > depth + 2 for part in parts):
        depth += 1
    stray = next((part for part in parts if len(part) < depth + 2), None)
    if stray is not None:
        raise DataError(f"{source.path}: label {BY_FOLDER!r}: {'/'.join(stray)} lies in no class folder; move it")
    classes = tuple(sorted({part[depth] for part in parts}))
    labels = [classes.index(part[depth]) for part in parts]
    return _labelled(source, BY_FOLDER, classes, labels)


def _as_celeba(source: Source, images: Path, label: str | None, partition: str) -> Source:
    """The same images with the official crop, part and attributes."""
    identity = source.identity | {"kind": "celeba", "partition": partition}
    source = replace(source, identity=identity, square=celeba_square)
    if partition != "all":
        members = celeba.partition_members(images, partition)
        chosen = [entry for entry in source.entries if PurePosixPath(entry.name).name in members]
        source = replace(source, entries=chosen)
    if label is None:
        return source
    table, values = celeba.attribute_values(images, label)
    names = [PurePosixPath(entry.name).name for entry in source.entries]
    absent = next((name for name in names if name not in values), None)
    if absent is not None:
        raise DataError(f"{table}: no row for {absent}; get the complete file")
    return _labelled(source, label, _attribute_classes(label), [values[name] for name in names])


def _labelled(source: Source, label: str, classes: tuple[str, ...], labels: Sequence[int]) -> Source:
    entries = [replace(entry, label=number) for entry, number in zip(source.entries, labels, strict=True)]
    identity = source.identity | {"label": label, "labels": _digest(map(str, labels))}
    return replace(source, identity=identity, classes=classes, entries=entries)


def _attribute_classes(label: str | None) -> tuple[str, ...]:
    return () if label is None else (f"not {label}", label)


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()

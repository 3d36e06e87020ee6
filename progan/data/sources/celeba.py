"""CelebA: the aligned faces with the official crop, or the photos they were cut from; parts, attributes, identities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TypeVar

from progan.data.frames import BoxFrame, FaceBoxFrame, celeba_square, centre_square
from progan.data.sources import files, tables, zips
from progan.data.sources.base import Entry, Raw, Source, SourceOptions, digest, labelled
from progan.data.sources.given import Given
from progan.data.sources.labels import parse
from progan.types import DataError

__all__ = ["BY_IDENTITY", "boxed", "open_source", "recognises"]

BY_IDENTITY = "identity"  # the label that makes a class of each person

Row = TypeVar("Row")


def recognises(given: Given) -> bool:
    path = given.path
    if tables.find_images(path) is not None or tables.find_parts(path):
        return True
    first = zips.first_member(path) if path.is_file() else None
    return first is not None and PurePosixPath(first).parts[:1] in {(name,) for name in (*tables.ALIGNED, tables.WILD)}


def open_source(given: Given, options: SourceOptions) -> Source:
    """DataError if a table is missing or wrong, or has no such attribute."""
    images = tables.find_images(given.path)
    parts = tables.find_parts(given.path) if images is None else []
    source = _combined(given.spec, parts) if parts else files.plain(Given(given.spec, images or given.path))
    return _as_celeba(source, images or (parts[0] if parts else given.path), options.label, options.partition)


def boxed(source: Source, path: Path) -> Source:
    """The photos with the square around each face's box. DataError for another source, or without list_bbox_celeba."""
    images = tables.find_images(path) or path
    if source.identity["kind"] != "celeba" or tables.is_aligned(images):
        rule = f"crop 'box' is for CelebA's photos in the wild ({tables.WILD})"
        raise DataError(f"{source.path}: {rule}; use 'auto', 'centre' or, with landmarks, 'face'")
    rows = tables.boxes(images)
    entries = [replace(entry, box=rows.get(_stem(entry), ())) for entry in source.entries]
    identity = source.identity | {"crop": "box", "boxes": digest(str(entry.box) for entry in entries)}
    return replace(source, identity=identity, entries=entries, frame=FaceBoxFrame())


def _as_celeba(source: Source, images: Path, label: str | None, partition: str) -> Source:
    """The same images with the official crop, part and classes."""
    square = celeba_square if tables.is_aligned(images) else centre_square
    identity = source.identity | {"kind": "celeba", "partition": partition}
    source = replace(source, identity=identity, frame=BoxFrame(square))
    if partition != "all":
        source = replace(source, entries=_of_part(source, images, partition))
    if label is None or not source.entries:
        return source
    return _by_person(source, images) if label == BY_IDENTITY else _by_attributes(source, images, label)


def _of_part(source: Source, images: Path, partition: str) -> list[Entry]:
    is_member = tables.partition_members(images, partition)
    entries = [entry for entry in source.entries if is_member(_stem(entry))]
    if source.entries and not entries:
        rule = f"partition {partition!r}: none of the {len(source.entries)} images is in it; choose another, or 'all'"
        raise DataError(f"{source.path}: {rule}")
    return entries


def _by_attributes(source: Source, images: Path, label: str) -> Source:
    where, known = tables.attribute_names(images)
    rule = parse(label, known, str(where))
    table, rows = tables.attribute_rows(images, rule.attributes)
    found = _rows_of(source.entries, table, rows)
    return labelled(source, label, rule.classes, [rule(dict(zip(rule.attributes, row, strict=True))) for row in found])


def _by_person(source: Source, images: Path) -> Source:
    """A class for each person that occurs, by number."""
    table, rows = tables.identity_rows(images)
    people = _rows_of(source.entries, table, rows)
    numbers = {person: number for number, person in enumerate(sorted(set(people)))}
    return labelled(source, BY_IDENTITY, tuple(map(str, numbers)), [numbers[person] for person in people])


def _rows_of(entries: Sequence[Entry], table: Path, rows: Mapping[str, Row]) -> list[Row]:
    absent = next((entry for entry in entries if _stem(entry) not in rows), None)
    if absent is not None:
        raise DataError(f"{table}: no row for {PurePosixPath(absent.name).name}; get the complete file")
    return [rows[_stem(entry)] for entry in entries]


def _stem(entry: Entry) -> str:
    return PurePosixPath(entry.name).stem


def _combined(spec: str, parts: Sequence[Path]) -> Source:
    """The images of several zips or folders as one source, in the order of their own names. DataError for one twice."""
    sources = {part.name: files.plain(Given(spec, part)) for part in parts}
    entries = [
        replace(entry, name=f"{name}/{entry.name}") for name, source in sources.items() for entry in source.entries
    ]
    entries.sort(key=lambda entry: (_stem(entry), entry.name))
    for one, other in pairwise(entries):
        if _stem(one) == _stem(other):
            raise DataError(f"{spec}: {one.name} and {other.name} are one image twice; remove one of the parts")
    listing = digest(str(source.identity["listing"]) for source in sources.values())
    first = next(iter(sources.values()))
    return replace(first, identity=first.identity | {"listing": listing}, entries=entries, load=_Combined(sources))


@dataclass(frozen=True)
class _Combined:
    """Loads an entry from the part that its name begins with."""

    sources: Mapping[str, Source]

    def __init__(self, sources: Mapping[str, Source]) -> None:
        # Without their entries: this goes to every worker with every chunk.
        object.__setattr__(self, "sources", {name: replace(source, entries=()) for name, source in sources.items()})

    def __call__(self, entry: Entry) -> Raw:
        part, _, name = entry.name.partition("/")
        return self.sources[part].load(replace(entry, name=name))

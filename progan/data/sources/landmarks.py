"""Five points a face, from the tables people have, for the oriented crop.

L is the viewer's left, as in CelebA's files; px are of the photo as it is shown, upright. Rows and pictures belong
together by name, or by what remains of it without suffix, or without folders too, where that is no other picture's.
"""

import csv
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from math import isfinite
from pathlib import Path, PurePosixPath

from progan.data.faces import FaceFrame, eyes_in_order
from progan.data.sources.base import Source, SourceOptions, digest
from progan.data.sources.given import Given
from progan.types import DataError

Points = tuple[float, ...]  # as Entry.landmarks
Table = dict[str, Points]  # by picture name

PARTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
COLUMNS = tuple(f"{part}_{axis}" for part in PARTS for axis in "xy")

_TEMPLATE = ".tem"  # a file of points beside each picture, as WebMorph and Psychomorph write them
_TEMPLATE_POINTS = 189
_TEMPLATE_PLACES = (0, 1, 55, 87, 93)  # among them: pupils, base of the nose, corners of the mouth


def framed(source: Source, given: Given, options: SourceOptions) -> Source:
    """The same pictures with their landmarks and the face crop; those without landmarks become rejects.

    given: the source's. The table is options.landmarks (csv, CelebA's .txt, folder or zip of .tem files), else
    what lies with the pictures: CelebA's own table, or .tem files. DataError if there is none, if it is wrong, or fits
    no picture.
    """
    where, table = _table(source, given, options)
    _require_eyes_in_order(where, table)
    points = _matched([entry.name for entry in source.entries], table)
    if source.entries and not any(points):
        sample, row = source.entries[0].name, next(iter(table))
        raise DataError(f"{where}: no row for any picture of {source.path}; it names {row}, the pictures {sample}")
    entries = [replace(entry, landmarks=found) for entry, found in zip(source.entries, points, strict=True)]
    identity = source.identity | {"crop": "face", "landmarks": digest(map(str, points))}
    return replace(source, identity=identity, entries=entries, frame=FaceFrame())


def _table(source: Source, given: Given, options: SourceOptions) -> tuple[Path, Table]:
    """Where it was found, and at least one row."""
    if options.landmarks is not None:
        where, table = options.landmarks, _read(options.landmarks)
    elif source.identity["kind"] == "celeba":
        where, table = given.path, _of_celeba(given.path)
    else:
        where, table = given.path, _from_templates(given)
        if not table:
            remedy = f"give a table of five points a picture (--landmarks), a csv with name,{','.join(COLUMNS)}"
            raise DataError(f"{source.path}: crop 'face' needs landmarks and none lie with the pictures; {remedy}")
    if not table:
        raise DataError(f"{where}: no landmarks in it; a csv needs the columns name,{','.join(COLUMNS)}")
    return where, table


def _of_celeba(path: Path) -> Table:
    from progan.data.sources import tables

    images = tables.find_images(path) or path
    return tables.landmark_rows(images, tables.is_aligned(images))


def _read(path: Path) -> Table:
    if not path.exists():
        raise DataError(f"{path}: no such file; give a csv, CelebA's .txt, or a folder or zip of .tem files")
    if path.is_dir() or zipfile.is_zipfile(path):
        return _from_templates(Given(str(path), path))
    with _reading(path), path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = csv.reader(file) if path.suffix.lower() == ".csv" else (line.split() for line in file)
        return _from_rows(path, ((number, words) for number, words in enumerate(lines, start=1) if words))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, csv.Error, zipfile.BadZipFile, zlib.error, RuntimeError) as error:  # the last: an encrypted zip
        raise DataError(f"{path}: cannot be read: {error}") from error


def _from_rows(path: Path, rows: Iterator[tuple[int, list[str]]]) -> Table:
    """Of numbered rows of words: in CelebA's .txt a count, and a header that leaves the name out, precede them."""
    number, header = next(rows, (0, []))
    if len(header) == 1 and header[0].isdigit():
        number, header = next(rows, (0, []))
    first = 1 if len(header) == len(COLUMNS) else 0
    places = _places(path, header, first)
    table: Table = {}
    for number, words in rows:
        if len(words) != len(header) + first:
            raise DataError(f"{path}: line {number} has {len(words)} columns, not {len(header) + first}")
        name, *values = (words[place].strip() for place in places)
        if name in table:
            raise DataError(f"{path}: line {number}: a second row for {name}; keep one face for each picture")
        table[name] = _numbers(f"{path}: line {number}", values)
    return table


def _places(path: Path, header: list[str], first: int) -> list[int]:
    """Columns of the name and the ten values. Spellings: left_eye_x, lefteye_x (CelebA); name, image_id (Kaggle)."""
    known = {_plain(title): place for place, title in enumerate(header, start=first)}
    names = ("name", "imageid", "filename", "image", "file")
    name = 0 if first else next((known[title] for title in names if title in known), None)
    missing = [title for title in COLUMNS if _plain(title) not in known]
    if name is None or missing:
        lacking = "name" if name is None else missing[0]
        raise DataError(f"{path}: its header has no column {lacking}; needed: name,{','.join(COLUMNS)}")
    return [name, *(known[_plain(title)] for title in COLUMNS)]


def _plain(title: str) -> str:
    return title.strip().lower().replace("_", "")


def _numbers(where: str, words: Iterable[str]) -> Points:
    try:
        values = tuple(float(word) for word in words)
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error
    if not all(map(isfinite, values)):
        raise DataError(f"{where}: a value is not finite; leave out the row of a picture without a face")
    return values


def _from_templates(given: Given) -> Table:
    """Of every .tem file in a folder or zip, by its name without the suffix; empty if there is none."""
    path = given.path
    if path.is_dir():
        with _reading(path):
            return _templates(path, ((name, (path / name).read_bytes) for name in sorted(given.names)))
    if not zipfile.is_zipfile(path):
        return {}
    with _reading(path), zipfile.ZipFile(path) as archive:
        return _templates(path, ((name, partial(archive.read, name)) for name in sorted(archive.namelist())))


def _templates(where: Path, files: Iterable[tuple[str, Callable[[], bytes]]]) -> Table:
    chosen = ((PurePosixPath(name), read) for name, read in files if name.lower().endswith(_TEMPLATE))
    return {
        _without_suffix(str(name)): _template_points(f"{where}: {name}", read())
        for name, read in chosen
        if not name.name.startswith("._")  # the copies that macOS adds beside each file
    }


def _template_points(where: str, data: bytes) -> Points:
    """A template is the number of points, a line for each, then lines that join them."""
    words = data.decode("latin-1").split()
    if not words or words[0] != str(_TEMPLATE_POINTS) or len(words) < 1 + 2 * _TEMPLATE_POINTS:
        raise DataError(f"{where}: not a template of {_TEMPLATE_POINTS} points; give the five points as a csv")
    return _numbers(where, chain.from_iterable(words[1 + 2 * place : 3 + 2 * place] for place in _TEMPLATE_PLACES))


def _require_eyes_in_order(where: Path, table: Table) -> None:
    swapped = sum(not eyes_in_order(points) for points in table.values())
    if 2 * swapped > len(table):
        rule = "left is the viewer's left, the smaller x; swap the two eyes, and the mouth's corners"
        raise DataError(f"{where}: the eyes are swapped in {swapped} of {len(table)} rows; {rule}")


def _matched(names: list[str], table: Table) -> list[Points]:
    """The landmarks of each picture; () where the table has none, or where its name fits several."""
    found: list[Points] = [()] * len(names)
    for key in (str, _without_suffix, _stem):
        if all(found):
            break
        rows = Counter(map(key, table))
        unique = {key(name): points for name, points in table.items() if rows[key(name)] == 1}
        pictures = Counter(map(key, names))
        for place, name in enumerate(names):
            if not found[place] and pictures[key(name)] == 1:
                found[place] = unique.get(key(name), ())
    return found


def _without_suffix(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _stem(name: str) -> str:
    return PurePosixPath(name).stem

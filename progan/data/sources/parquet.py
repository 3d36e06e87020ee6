"""A Hugging Face image set on disk: parquet files with a column of encoded pictures and columns of labels.

Reading needs pyarrow. A picture is a row: file number, row group, place in the group. In another order than the rows'
each picture costs up to a row group: files are written with up to 1024 pictures a page, and a page is unpacked whole.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from progan.data.frames import BoxFrame, centre_square
from progan.data.images import BadImage, decode, one_line
from progan.data.sources import divided
from progan.data.sources.base import Entry, Identity, Raw, Source, SourceOptions, container, digest, keeping
from progan.data.sources.classes import BY_CLASS, Value, classed, parsed
from progan.data.sources.given import Given
from progan.files import parse_json
from progan.types import DataError

SUFFIX = ".parquet"

_IMAGES = ("image", "img")  # which column is the pictures', of several with encoded ones
_LABELS = ("label", "labels", "class")  # the columns that BY_CLASS means
_BATCH = 16  # rows in memory at once, beside the page they come from
_BUFFER = 2**20  # bytes read at once, or pyarrow would read whole row groups


def recognises(given: Given) -> bool:
    return divided.holds(given, SUFFIX)


def open_source(given: Given, options: SourceOptions) -> Source:
    """Rows in the order of the files' names. DataError for a damaged file, without an image column, or without pyarrow.

    options.label: BY_CLASS: the column "label"; else the name of a column.
    """
    files = divided.files(given, SUFFIX, options.partition)
    root = given.path.parent if given.path.is_file() else given.path
    columns = _columns(files[0], options.label)
    entries: list[Entry] = []
    values: list[Value] = []
    for number, file in enumerate(files):
        if _columns(file, options.label) != columns:
            raise DataError(f"{file}: its columns differ from those of {files[0]}; give files of one set")
        name = file.relative_to(root).with_suffix("").as_posix()
        entries += [Entry(f"{name}/{row:06d}", place=(number, *place)) for row, place in enumerate(_places(file))]
        if columns.label is not None:
            values += _values(file, columns.label)
    listing = digest(f"{file.relative_to(root).as_posix()} {_footer(file)}" for file in files)
    identity: Identity = {"kind": "parquet", "label": None, "partition": options.partition, "listing": listing}
    load = partial(_load, tuple(files), columns.image)
    source = Source(given.spec, identity, (), entries, load, BoxFrame(centre_square))
    return source if options.label is None else classed(source, options.label, values, columns.names)


class Columns(NamedTuple):
    """What is read of a file."""

    image: str  # with ".bytes" where the column holds pairs of bytes and path
    label: str | None
    names: tuple[str, ...]  # of the classes, by number; empty: they have none


def _columns(path: Path, label: str | None) -> Columns:
    with _reading(path):
        schema = _file(path).schema_arrow
    column = None if label is None else _label_column(path, schema, label)
    return Columns(_image_column(path, schema), column, () if column is None else _class_names(schema, column))


def _image_column(path: Path, schema: Any) -> str:
    import pyarrow.types as kinds

    found = {}
    for field in schema:
        packed = kinds.is_struct(field.type) and field.type.get_field_index("bytes") >= 0
        if packed or kinds.is_binary(field.type) or kinds.is_large_binary(field.type):
            found[field.name] = f"{field.name}.bytes" if packed else field.name
    usual = [name for name in _IMAGES if name in found] or list(found)
    if len(found) != 1 and not (found and usual[0] in _IMAGES):
        what = f"several columns of pictures: {', '.join(found)}" if found else "no column of encoded pictures"
        raise DataError(f"{path}: {what}; of {', '.join(schema.names)} one must hold them and be called {_IMAGES[0]!r}")
    return found[usual[0]]


def _label_column(path: Path, schema: Any, label: str) -> str:
    import pyarrow.types as kinds

    usable = (kinds.is_integer, kinds.is_boolean, kinds.is_string, kinds.is_large_string, kinds.is_dictionary)
    known = [field.name for field in schema if any(check(field.type) for check in usable)]
    wanted = _LABELS if label == BY_CLASS else (label,)
    found = next((name for name in wanted if name in known), None)
    if found is None:
        rule = f"its columns of numbers and names: {', '.join(known) or 'none'}"
        raise DataError(f"{path}: label {label!r}: no such column; {rule}; choose one, or no label")
    return found


def _class_names(schema: Any, column: str) -> tuple[str, ...]:
    """Of a ClassLabel in the metadata that the datasets library writes, and of a column of yes and no."""
    if str(schema.field(column).type) == "bool":
        return f"not {column}", column
    try:
        facts = parse_json((schema.metadata or {}).get(b"huggingface", b"{}"))
        names = facts["info"]["features"][column]["names"]
    except (ValueError, KeyError, TypeError):
        return ()
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _places(path: Path) -> Iterator[tuple[int, int]]:
    """Row group and place in it, of every row."""
    with _reading(path):
        facts = _file(path).metadata
    for group in range(facts.num_row_groups):
        yield from ((group, row) for row in range(facts.row_group(group).num_rows))


def _values(path: Path, column: str) -> list[Value]:
    with _reading(path):
        found = _file(path).read(columns=[column]).column(0).to_pylist()
    numbers = (int(value) if isinstance(value, bool) else value for value in found)
    return [parsed(f"{path}: row {row}", value) for row, value in enumerate(numbers)]


def _footer(path: Path) -> str:
    """Digest of a file's directory: the sizes, places and statistics of all its parts."""
    with container(path) as file:
        file.seek(-8, os.SEEK_END)
        size = int.from_bytes(file.read(4), "little")
        file.seek(-8 - size, os.SEEK_END)
        return hashlib.sha256(file.read(size)).hexdigest()


def _load(files: tuple[Path, ...], column: str, entry: Entry) -> Raw:
    number, group, row = entry.place
    data = _group(files[number], column, group).read(row)
    if data is None:
        raise BadImage("no picture in this row: its bytes are not in the file")
    return Raw(decode(data), entry.label)


class _Group:
    """A row group of one file, read forwards: a few rows are held, and the page they come from."""

    def __init__(self, path: Path, column: str, group: int) -> None:
        self._path, self._column, self._group = path, column, group
        self._first = 0  # the place of the first of the rows held
        self._rows: Any = ()
        self._batches: Iterator[Any] = iter(())
        self._restart()

    def read(self, row: int) -> bytes | None:
        with _reading(self._path):
            if row < self._first:
                self._restart()
            while row >= self._first + len(self._rows):
                self._first += len(self._rows)
                self._rows = next(self._batches).column(0)
            value = self._rows[row - self._first].as_py()
        data: bytes | None = value["bytes"] if isinstance(value, dict) else value
        return data

    def _restart(self) -> None:
        self._first, self._rows = 0, ()
        self._batches = _file(self._path).iter_batches(_BATCH, [self._group], [self._column], use_threads=False)


@keeping(1)
def _group(path: Path, column: str, group: int) -> _Group:
    """The last one: rows are asked for in order."""
    with _reading(path):
        return _Group(path, column, group)


def _file(path: Path) -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        rule = "reading parquet needs pyarrow; get it with: pip install 'progan[parquet]'"
        raise DataError(f"{path}: {rule}") from error
    return pyarrow.parquet.ParquetFile(path, buffer_size=_BUFFER)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What pyarrow cannot read is the end of the job, in one line."""
    try:
        yield
    except (OSError, ValueError, KeyError, NotImplementedError, RuntimeError, StopIteration) as error:
        raise DataError(f"{path}: not a readable parquet file ({one_line(error)}); get it again") from error

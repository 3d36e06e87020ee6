"""The labels that StyleGAN's tools put beside images: dataset.json, {"labels": [["00000/img00000000.png", 6], ...]}."""

from pathlib import Path, PurePosixPath
from typing import Any

from progan.data.sources import zips
from progan.data.sources.base import Source
from progan.data.sources.classes import BY_CLASS, parsed
from progan.data.sources.classes import classed as by_value
from progan.files import parse_json
from progan.types import DataError

NAME = "dataset.json"


def classed(source: Source, path: Path) -> Source:
    """The images of the folder or zip with their labels. DataError unless the file has one for every picture."""
    where, base, text = _find(path)
    rows = _rows(where, text)
    values = []
    for entry in source.entries:
        name = entry.name.removeprefix(base)
        if name not in rows:
            raise DataError(f"{where}: no row for {name}; get the complete file, or ask for no label")
        values.append(parsed(f"{where}: {name}", rows[name]))
    return by_value(source, BY_CLASS, values)


def _find(path: Path) -> tuple[str, str, bytes]:
    """What messages call the file, the folder that its names are relative to, with a slash, and the text."""
    if path.is_dir():
        if not (path / NAME).is_file():
            raise _absent(path)
        return str(path / NAME), "", (path / NAME).read_bytes()
    with zips.opened(path) as archive:
        names = [name for name in archive.namelist() if PurePosixPath(name).name == NAME]
        if not names:
            raise _absent(path)
        name = min(names, key=lambda name: (name.count("/"), name))
        return f"{path}: {name}", name.removesuffix(NAME), archive.read(name)


def _absent(path: Path) -> DataError:
    return DataError(f"{path}: label {BY_CLASS!r}: no {NAME} in it; use another label, or none")


def _rows(where: str, text: bytes) -> dict[str, Any]:
    """Name -> label."""
    try:
        facts = parse_json(text)
    except ValueError as error:
        raise DataError(f"{where}: damaged: not JSON; get the file again") from error
    labels = facts.get("labels") if isinstance(facts, dict) else None
    if not labels:
        raise DataError(f"{where}: has no labels; ask for no label, or get the file with them")
    rows: dict[str, Any] = {}
    for number, row in enumerate(labels if isinstance(labels, list) else [labels]):
        if not (isinstance(row, list) and len(row) == 2 and isinstance(row[0], str)):
            raise DataError(f'{where}: labels[{number}] is not ["name", label]; get the file again')
        name = row[0].replace("\\", "/")  # as on Windows
        if rows.setdefault(name, row[1]) != row[1]:
            raise DataError(f"{where}: two different labels for {name}; keep one")
    return rows

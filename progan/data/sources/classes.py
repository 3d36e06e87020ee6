"""Classes from labels as files hold them: numbers, names, or a list of 0 and 1 for a picture of several classes."""

from collections.abc import Sequence

from progan.data.sources.base import Source, labelled
from progan.types import DataError

Value = int | str | tuple[int, ...]

BY_CLASS = "class"  # the label that means the classes a set of a known format brings with it

_SHOWN = 60  # characters of a wrong label in a message


def classed(source: Source, label: str, values: Sequence[Value], names: Sequence[str] = ()) -> Source:
    """The same pictures with the classes that occur, in the order of their values; one value an entry.

    names: of the classes, by number; empty: they are called by their values. DataError if the values are of several
    kinds, or a number has no name.
    """
    for entry, value in zip(source.entries, values, strict=True):
        if _kind(value) != _kind(values[0]):
            first = source.entries[0].name
            raise DataError(f"{source.path}: label {value!r:.{_SHOWN}} of {entry.name} is unlike that of {first}")
    if values and isinstance(values[0], tuple):
        return _of_several(source, label, values)
    present = sorted(set(values), key=lambda value: (value, "") if isinstance(value, int) else (0, str(value)))
    if names and not all(isinstance(value, int) and value < len(names) for value in present):
        raise DataError(f"{source.path}: label {present[-1]!r} has no name: there are {len(names)}; get the file again")
    numbers = {value: number for number, value in enumerate(present)}
    titles = [names[value] if names and isinstance(value, int) else str(value) for value in present]
    return labelled(source, label, tuple(titles), [numbers[value] for value in values])


def parsed(where: str, raw: object) -> Value:
    """A label out of JSON. DataError, beginning with `where`, for none or one that is no class."""
    if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0:
        return raw
    if isinstance(raw, str) and raw:
        return raw
    if isinstance(raw, list) and raw and all(item in (0, 1) for item in raw):
        return tuple(map(int, raw))
    if raw is None:
        raise DataError(f"{where}: no label; give every picture one, or ask for no label")
    rule = "a class is a number from 0, a name, or a list of 0 and 1"
    raise DataError(f"{where}: label {raw!r:.{_SHOWN}}: {rule}; correct it, or ask for no label")


def _kind(value: Value) -> tuple[type, int]:
    return type(value), len(value) if isinstance(value, tuple) else 0


def _of_several(source: Source, label: str, values: Sequence[Value]) -> Source:
    """Each place of the lists is a class; one that no picture has is left out."""
    rows = [value for value in values if isinstance(value, tuple)]
    kept = [place for place in range(len(rows[0])) if any(row[place] for row in rows)]
    if not kept:
        raise DataError(f"{source.path}: label {label!r}: no picture has any; ask for no label")
    classes = tuple(map(str, kept))
    return labelled(source, label, classes, [tuple(row[place] for place in kept) for row in rows])

"""Sets of many files, each of one part: found below a folder, divided by the words in their names."""

import re
from pathlib import Path

from progan.data.sources.files import is_image
from progan.data.sources.given import Given
from progan.types import DataError

PARTITIONS = ("train", "val", "test")

_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def holds(given: Given, suffix: str) -> bool:
    """Whether it is such a file or a folder with one somewhere below it."""
    return given.path.suffix == suffix if given.path.is_file() else any(name.endswith(suffix) for name in given.names)


def files(given: Given, suffix: str, partition: str) -> list[Path]:
    """It itself, or those of the partition below it, by name. DataError for none, or where images lie there too."""
    if given.path.is_file():
        root, names = given.path.parent, [given.path.name]
    else:
        root, names = given.path, sorted(name for name in given.names if name.endswith(suffix))
        if (image := next(filter(is_image, given.names), None)) is not None:
            raise DataError(f"{given.spec}: holds both {names[0]} and {image}; give the folder of the one you mean")
    chosen = [name for name in names if partition in ("all", _partition(name))]
    if not chosen:
        rule = f"no {suffix} file has the word in its name, as {names[0]}; use 'all'"
        raise DataError(f"{given.spec}: partition {partition!r}: {rule}")
    return [root / name for name in chosen]


def _partition(name: str) -> str | None:
    """Of data/train-00000-of-00004.parquet or imagenet-val-000000.tar; None without such a word."""
    return next((_WORDS[word] for word in re.split("[^a-z]+", name.lower()) if word in _WORDS), None)

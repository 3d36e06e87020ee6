"""Sets of many files, each of one part: found below a folder, divided by the words in their names."""

import re
from pathlib import Path

from progan.data.sources.files import below, is_image
from progan.types import DataError

PARTITIONS = ("train", "val", "test")

_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def holds(path: Path, suffix: str) -> bool:
    """Whether `path` is such a file or a folder with one somewhere below it."""
    return path.suffix == suffix if path.is_file() else any(name.endswith(suffix) for name in below(path))


def files(spec: str, path: Path, suffix: str, partition: str) -> list[Path]:
    """`path` itself, or those of the partition below it, by name. DataError for none, or where images lie there too."""
    if path.is_file():
        root, names = path.parent, [path.name]
    else:
        everything = list(below(path))
        root, names = path, sorted(name for name in everything if name.endswith(suffix))
        if (image := next(filter(is_image, everything), None)) is not None:
            raise DataError(f"{spec}: holds both {names[0]} and {image}; give the folder of the one you mean")
    chosen = [name for name in names if partition in ("all", _partition(name))]
    if not chosen:
        rule = f"no {suffix} file has the word in its name, as {names[0]}; use 'all'"
        raise DataError(f"{spec}: partition {partition!r}: {rule}")
    return [root / name for name in chosen]


def _partition(name: str) -> str | None:
    """Of data/train-00000-of-00004.parquet or imagenet-val-000000.tar; None without such a word."""
    return next((_WORDS[word] for word in re.split("[^a-z]+", name.lower()) if word in _WORDS), None)

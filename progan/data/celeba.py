"""The files of the official CelebA download: where they lie, and the text tables, whose copies differ in small ways."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from progan.types import DataError

IMAGES = "img_align_celeba"  # the folder of aligned faces, and the folder inside the zip of that name
Partition = Literal["all", "train", "val", "test"]

_PARTITIONS = {"train": "0", "val": "1", "test": "2"}  # as list_eval_partition.txt numbers them
_TRUTH = {"1": 1, "-1": 0, "0": 0}


def find_images(path: Path) -> Path | None:
    """The folder or zip of aligned faces if `path` is it, or holds it; None otherwise."""
    names = (IMAGES, f"{IMAGES}.zip")
    inside = (folder / name for folder in (path, path / "Img") for name in names)
    found = next((candidate for candidate in inside if candidate.exists()), None)
    return path if found is None and path.name in names else found


def partition_members(images: Path, partition: str) -> frozenset[str]:
    """Names of the image files in one official part. DataError without list_eval_partition.txt near the images."""
    path = _near(images, "list_eval_partition.txt")
    number = _PARTITIONS[partition]
    return frozenset(words[0] for _, words in _rows(path, columns=2) if words[1] == number)


def attribute_values(images: Path, attribute: str) -> tuple[Path, dict[str, int]]:
    """list_attr_celeba.txt and its {image file name: 0 or 1}. DataError if the file or the attribute is missing."""
    path = _near(images, "list_attr_celeba.txt")
    names = next((words for _, words in _lines(path) if not _is_count(words)), [])
    require_attribute(str(path), attribute, names)
    column = 1 + names.index(attribute)
    values = {}
    for number, words in _rows(path, columns=1 + len(names), header=names):
        if words[column] not in _TRUTH:
            raise DataError(f"{path}: line {number}: {attribute} is {words[column]!r}, not 1 or -1; get the file again")
        values[words[0]] = _TRUTH[words[column]]
    return path, values


def require_attribute(where: str, attribute: str, names: Sequence[str]) -> None:
    """DataError with the nearest names, or all, unless `attribute` is one of `names`."""
    if attribute in names:
        return
    lowered = {name.lower(): name for name in names}
    near = [lowered[name] for name in difflib.get_close_matches(attribute.lower(), lowered, n=3, cutoff=0.5)]
    hint = f"nearest: {', '.join(near)}" if near else f"known: {', '.join(names)}"
    raise DataError(f"{where}: no attribute {attribute!r}; {hint}")


def _near(images: Path, name: str) -> Path:
    """A table beside the images, or in the folders Anno and Eval of the official download."""
    bases = (images.parent, images.parent.parent)
    for folder in (*bases, *(base / part for base in bases for part in ("Anno", "Eval"))):
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{images}: no {name} beside it; put the file there, or ask for no label and partition all")


def _rows(path: Path, columns: int, header: Sequence[str] = ()) -> Iterator[tuple[int, list[str]]]:
    """Line number and words of each row. The header's count of rows is ignored: copies get it wrong."""
    for number, words in _lines(path):
        if _is_count(words) or words == header:
            continue
        if len(words) != columns:
            raise DataError(f"{path}: line {number} has {len(words)} columns, not {columns}; get the file again")
        yield number, words


def _is_count(words: list[str]) -> bool:
    return len(words) == 1 and words[0].isdigit()


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and words of each line that is not blank, whatever the line ends and the runs of spaces."""
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if words := line.split():
                yield number, words

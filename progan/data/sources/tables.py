"""The files of a CelebA download: where they lie, and the text tables, whose copies differ in small ways.

Copies have CRLF or LF, runs of spaces, a byte order mark, no last newline, a count of rows that is wrong (it is not
read); the Kaggle ones are csv. Rows are matched to images by the name without its suffix: PNG copies keep the tables.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from progan.types import DataError

ALIGNED = ("img_align_celeba", "img_align_celeba_png")  # folders of 178 x 218 px faces, and zips of these names
WILD = "img_celeba"  # the photos they were cut from

_PARTITIONS = {"train": "0", "val": "1", "test": "2"}  # as list_eval_partition numbers them
_PACKED = (".7z", ".001")


@dataclass(frozen=True)
class Table:
    """One of the text tables."""

    path: Path
    columns: tuple[str, ...]  # beside the image's name; empty where the file names none

    def rows(self) -> Iterator[tuple[int, str, list[str]]]:
        """Line number, image name without suffix, values. DataError for a row of another length."""
        width = len(self.columns)
        for number, words in _lines(self.path):
            if not _is_image(words[0]):
                continue
            width = width or len(words) - 1
            if len(words) - 1 != width:
                rule = f"{len(words)} columns, not {1 + width}; get the file again"
                raise DataError(f"{self.path}: line {number} has {rule}")
            yield number, PurePosixPath(words[0]).stem, words[1:]


def find_images(path: Path) -> Path | None:
    """The folder or zip of faces if `path` is it, or holds it; None otherwise. Aligned faces before the photos.

    DataError for an archive that has to be unpacked first.
    """
    if path.is_file() or path.name in (*ALIGNED, WILD):
        return path if path.stem in (*ALIGNED, WILD) and path.suffix in ("", ".zip") else None
    folders = (path, path / "Img")
    names = [f"{stem}{suffix}" for stem in (*ALIGNED, WILD) for suffix in ("", ".zip")]
    found = next((folder / name for name in names for folder in folders if (folder / name).exists()), None)
    if found is None:
        _refuse_packed(folders)
    return found


def find_parts(path: Path) -> list[Path]:
    """Zips or folders that hold the aligned faces in parts, as img_align_celeba_part1.zip, below a folder; by name."""
    if not path.is_dir() or path.name in (*ALIGNED, WILD):
        return []
    folders = (path, path / "Img")
    found = [part for folder in folders if folder.is_dir() for part in sorted(folder.glob(f"{ALIGNED[0]}?*"))]
    return [part for part in found if part.is_dir() or part.suffix == ".zip"]


def is_aligned(images: Path) -> bool:
    return images.stem != WILD


def partition_members(images: Path, partition: str) -> Callable[[str], bool]:
    """Whether an image of that name, without suffix, is in an official part. DataError without the table."""
    table = find_table(images, "list_eval_partition")
    members = {name for _, name, values in table.rows() if values == [_PARTITIONS[partition]]}
    return members.__contains__


def attribute_rows(images: Path, names: Sequence[str]) -> tuple[Path, dict[str, tuple[bool, ...]]]:
    """list_attr_celeba and, for each image, whether these attributes hold. The names must be among its columns."""
    table = find_table(images, "list_attr_celeba")
    places = [table.columns.index(name) for name in names]
    rows = {}
    for number, image, values in table.rows():
        for name, place in zip(names, places, strict=True):
            if values[place] not in ("1", "-1", "0"):
                rule = f"{name} is {values[place]!r}, not 1 or -1; get the file again"
                raise DataError(f"{table.path}: line {number}: {rule}")
        rows[image] = tuple(values[place] == "1" for place in places)
    return table.path, rows


def attribute_names(images: Path) -> tuple[Path, tuple[str, ...]]:
    """list_attr_celeba and the attributes it has."""
    table = find_table(images, "list_attr_celeba")
    return table.path, table.columns


def identity_rows(images: Path) -> tuple[Path, dict[str, int]]:
    """identity_CelebA and the number of the person on each image."""
    table = find_table(images, "identity_CelebA")
    return table.path, {image: int(_number(table, number, values)[0]) for number, image, values in table.rows()}


def landmark_rows(images: Path, aligned: bool) -> dict[str, tuple[float, ...]]:
    """Ten numbers an image: x and y of eye L, eye R, nose, mouth L, mouth R in px of the full-size image."""
    table = find_table(images, "list_landmarks_align_celeba" if aligned else "list_landmarks_celeba")
    return {image: _number(table, number, values, 10) for number, image, values in table.rows()}


def boxes(images: Path) -> dict[str, tuple[float, ...]]:
    """list_bbox_celeba: left, top, width, height of the face in each photo in the wild, px."""
    table = find_table(images, "list_bbox_celeba")
    return {image: _number(table, number, values, 4) for number, image, values in table.rows()}


def find_table(images: Path, stem: str) -> Table:
    """A table beside the images, or in the folders Anno and Eval of the official download; as text or csv."""
    bases = (images.parent, images.parent.parent)
    folders = (*bases, *(base / part for base in bases for part in ("Anno", "Eval")), images)
    for path in (folder / f"{stem}{suffix}" for folder in folders for suffix in (".txt", ".csv")):
        if path.is_file():
            return Table(path, _columns(path))
    raise DataError(
        f"{images}: no {stem}.txt or .csv beside it; put the file there, or ask for no label and partition 'all'"
    )


def _columns(path: Path) -> tuple[str, ...]:
    """Of the first line that holds names: neither the count of rows nor an image."""
    for _, words in _lines(path):
        if _is_image(words[0]):
            break
        if not (len(words) == 1 and words[0].isdigit()):
            return tuple(words[1:] if words[0] == "image_id" else words)
    return ()


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and words of each line that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, words in enumerate(_words(file, path.suffix), start=1):
                if any(words):
                    yield number, words
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a readable table ({error}); get the file again") from error


def _words(file: IO[str], suffix: str) -> Iterator[list[str]]:
    if suffix == ".csv":
        yield from ([word.strip() for word in words] for words in csv.reader(file))
    else:
        yield from (line.split() for line in file.read().splitlines())


def _is_image(word: str) -> bool:
    return word.lower().endswith((".jpg", ".jpeg", ".png"))


def _number(table: Table, line: int, values: list[str], count: int = 1) -> tuple[float, ...]:
    try:
        numbers = tuple(map(float, values))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise DataError(f"{table.path}: line {line} does not hold {count} numbers; get the file again")
    return numbers


def _refuse_packed(folders: Sequence[Path]) -> None:
    for folder in folders:
        found = [*folder.glob("img_*celeba*"), *folder.glob("img_*celeba*.7z/*.001")]
        packed = sorted(path for path in found if path.suffix in _PACKED and path.is_file())
        if packed:
            raise DataError(f"{packed[0]}: a 7-Zip archive; unpack it first: 7z x {packed[0]}")

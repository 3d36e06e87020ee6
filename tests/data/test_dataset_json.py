"""Folders and zips labelled by a dataset.json, as the StyleGAN tools write them."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from source_sets import Writer, classes_of, labels

from progan.data.sources import SourceOptions, open_source
from progan.types import DataError


@pytest.fixture
def stylegan(tmp_path: Path, write_pictures: Writer) -> Callable[[object], Path]:
    """write(labels): a folder of three pictures and dataset.json."""
    root = tmp_path / "raw"
    write_pictures(root / "00000", 3)

    def write(rows: object) -> Path:
        (root / "dataset.json").write_text(json.dumps({"labels": rows}))
        return root

    return write


def zipped(folder: Path, archive: Path, base: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*.*")):
            file.write(path, path.relative_to(base))
    return archive


def rows(*values: object) -> list[object]:
    return [[f"00000/{number:03d}.png", value] for number, value in enumerate(values)]


def test_dataset_json_labels_a_folder_a_zip_and_a_zip_with_a_wrapping_folder(
    tmp_path: Path, stylegan: Callable[..., Path]
) -> None:
    root = stylegan(rows(6, 2, 6))
    archives = [zipped(root, tmp_path / f"{base.name}.zip", base) for base in (root, tmp_path)]
    for path in (root, *archives):
        assert classes_of(path) == (("2", "6"), [1, 0, 1])
    assert labels(open_source(str(root))) == [-1, -1, -1]
    assert classes_of(root, "folder") == (("00000",), [0, 0, 0])


def test_vectors_of_0_and_1_are_several_labels_and_others_are_refused(stylegan: Callable[..., Path]) -> None:
    source = open_source(str(stylegan(rows([1, 0], [1.0, 1.0], [0, 1]))), SourceOptions(label="class"))
    assert source.multilabel
    assert source.classes == ("0", "1")
    assert labels(source) == [(1, 0), (1, 1), (0, 1)]
    for wrong in ([0.5, 0], [], [[1]], [2, 0]):
        with pytest.raises(DataError, match=r"00000/001\.png: label"):
            open_source(str(stylegan(rows([1, 0], wrong, [0, 1]))), SourceOptions(label="class"))
    with pytest.raises(DataError, match="no picture has any"):
        open_source(str(stylegan(rows([0, 0], [0, 0], [0, 0]))), SourceOptions(label="class"))


@pytest.mark.parametrize(
    ("labels_", "complaint"),
    [
        (None, "has no labels"),
        ([], "has no labels"),
        (rows(1, 2), r"no row for 00000/002\.png"),
        (rows(1, None, 2), r"00000/001\.png: no label"),
        (rows(1, [1, 0], 2), "unlike"),
        (rows(1, -1, 2), "label -1"),
        (rows(1, True, 2), "label True"),
        (rows(1, 1, 2) + [["00000/000.png", 2]], r"two different labels for 00000/000\.png"),
        ([["00000/000.png"]], r"labels\[0\] is not"),
        ({"a": 1}, r"labels\[0\] is not"),
    ],
)
def test_labels_that_are_missing_or_wrong_are_named(
    stylegan: Callable[..., Path], labels_: object, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        open_source(str(stylegan(labels_)), SourceOptions(label="class"))


def test_a_set_without_dataset_json_or_with_a_damaged_one_is_told_so(
    tmp_path: Path, stylegan: Callable[..., Path]
) -> None:
    root = stylegan(None)
    for damaged in ("{", "[" * 100_000):
        (root / "dataset.json").write_text(damaged)
        with pytest.raises(DataError, match="damaged: not JSON"):
            open_source(str(root), SourceOptions(label="class"))
    (root / "dataset.json").unlink()
    for path in (root, zipped(root, tmp_path / "raw.zip", root)):
        with pytest.raises(DataError, match=r"no dataset\.json in it"):
            open_source(str(path), SourceOptions(label="class"))


def test_names_with_backslashes_are_those_of_windows(stylegan: Callable[..., Path]) -> None:
    assert classes_of(stylegan([[str(name).replace("/", "\\"), value] for name, value in rows(0, 1, 0)]))[1] == [
        0,
        1,
        0,
    ]

"""Parquet files, as Hugging Face has them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from source_sets import classes_of, labels, names, noise, pixels, png

from progan.data.images import BadImage
from progan.data.sources import SourceOptions, first_side, open_source
from progan.types import DataError

HUGGING_FACE = {"info": {"features": {"label": {"names": ["cat", "dog", "eel"], "_type": "ClassLabel"}}}}


@pytest.fixture
def parquet(tmp_path: Path) -> Callable[..., Path]:
    """write(name, pictures, labels): a file with two rows a group, with metadata as the datasets library writes it."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    def write(
        name: str, pictures: list[bytes | None], metadata: bool = True, packed: bool = True, **columns: list[object]
    ) -> Path:
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        rows = [{"bytes": data, "path": None} for data in pictures]
        image = pa.array(rows, kind) if packed else pa.array(pictures, pa.binary())
        table = pa.table({"image": image, **columns})
        if metadata:
            table = table.replace_schema_metadata({"huggingface": json.dumps(HUGGING_FACE)})
        path = tmp_path / "hf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, row_group_size=2)
        return path

    return write


def test_a_hugging_face_set_gives_its_rows_with_the_names_of_its_classes(
    tmp_path: Path, parquet: Callable[..., Path]
) -> None:
    pictures = [noise(n, 9, 3) for n in range(8, 16)]
    data = [png(picture) for picture in pictures]
    parquet("data/train-00001-of-00002.parquet", data[5:], label=[0, 0, 2])
    parquet("data/train-00000-of-00002.parquet", data[:5], label=[2, 0, 0, 0, 2])
    parquet("data/test-00000-of-00001.parquet", data[:1], label=[1])
    source = open_source(str(tmp_path / "hf"), SourceOptions(label="class", partition="train"))
    assert names(source)[4:6] == ["data/train-00000-of-00002/000004", "data/train-00001-of-00002/000000"]
    assert source.classes == ("cat", "eel")
    assert labels(source) == [1, 0, 0, 0, 1, 0, 0, 1]
    for number in (4, 0, 7, 1, 0, 2, 3, 6, 5):  # forwards, backwards and across row groups
        assert np.array_equal(source.load(source.entries[number]).pixels, pictures[number])
    assert np.array_equal(pixels(source, 3), pictures[3])
    assert classes_of(tmp_path / "hf", partition="test") == (("dog",), [0])
    assert len(open_source(str(tmp_path / "hf" / "data")).entries) == 9


def test_plain_binary_columns_and_columns_of_names_truths_and_numbers_serve(parquet: Callable[..., Path]) -> None:
    data = [png(noise(8, 8, 3))] * 3
    path = parquet(
        "a.parquet", data, False, False, label=[7, 3, 7], pose=["left", "ahead", "left"], smiling=[True, False, True]
    )
    assert classes_of(path) == (("3", "7"), [1, 0, 1])
    assert classes_of(path, "pose") == (("ahead", "left"), [1, 0, 1])
    assert classes_of(path, "smiling") == (("not smiling", "smiling"), [1, 0, 1])
    with pytest.raises(DataError, match="no such column; its columns of numbers and names: label, pose, smiling"):
        open_source(str(path), SourceOptions(label="age"))


def test_a_row_without_a_picture_is_a_reject_and_one_without_a_label_is_named(parquet: Callable[..., Path]) -> None:
    data = [png(noise(8, 8, 3)), None, b"no picture"]
    source = open_source(str(path := parquet("a.parquet", data, label=[0, None, 1])))
    for number, complaint in ((1, "no picture in this row"), (2, "not a readable image")):
        with pytest.raises(BadImage, match=complaint):
            pixels(source, number)
    with pytest.raises(DataError, match="row 1: no label"):
        open_source(str(path), SourceOptions(label="class"))
    with pytest.raises(DataError, match="label 3 has no name: there are 3"):
        open_source(str(parquet("a.parquet", data, label=[0, 3, 1])), SourceOptions(label="class"))
    with pytest.raises(DataError, match="label -1"):  # how the datasets library hides the labels of a test set
        open_source(str(parquet("a.parquet", data, label=[-1, -1, -1])), SourceOptions(label="class"))


def test_a_damaged_parquet_file_and_one_without_pictures_are_named(
    tmp_path: Path, parquet: Callable[..., Path]
) -> None:
    path = parquet("a.parquet", [png(noise(30, 30, 3))] * 4, label=[0, 1, 2, 0])
    whole = path.read_bytes()
    for data in (b"", b"PAR1", whole[:-20], whole[:200] + whole[-900:]):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"a\.parquet: not a readable parquet file"):
            first_side(open_source(str(path), SourceOptions(label="class")))
    pa = pytest.importorskip("pyarrow")
    pa.parquet.write_table(pa.table({"text": ["a"]}), path)
    with pytest.raises(DataError, match="no column of encoded pictures"):
        open_source(str(path))


def test_parquet_without_pyarrow_says_how_to_get_it(
    parquet: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parquet("a.parquet", [png(noise(8, 8, 3))], label=[0])
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DataError, match=r"pip install 'progan\[parquet\]'"):
        open_source(str(path))

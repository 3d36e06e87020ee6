"""WebDataset tars as a source."""

import gzip
import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from source_sets import Writer, classes_of, labels, names, noise, pixels, png

from progan.data.images import BadImage
from progan.data.manifest import Manifest
from progan.data.sources import SourceOptions, first_side, open_source
from progan.types import DataError


def tar_of(path: Path, members: dict[str, bytes], **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", **options) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_tars_give_their_samples_in_the_order_of_shards_and_members(tmp_path: Path) -> None:
    pictures = [noise(n, 9, 3) for n in range(8, 12)]
    array = io.BytesIO()
    np.save(array, pictures[3])
    tar_of(tmp_path / "b-1.tar", {"0.png": png(pictures[2]), "0.cls": b"10", "0.txt": b"words"})
    tar_of(
        tmp_path / "b-0.tar",
        {"z/7.cls": b"2", "z/7.PNG": png(pictures[0]), "a.json": b'{"label": 10}', "a.png": png(pictures[1])},
    )
    tar_of(tmp_path / "c" / ("d" * 120 + ".tar"), {"x" * 150 + ".npy": array.getvalue(), "x" * 150 + ".json": b"2"})
    source = open_source(str(tmp_path), SourceOptions(label="class"))
    assert names(source)[:3] == ["b-0.tar/z/7.PNG", "b-0.tar/a.png", "b-1.tar/0.png"]
    assert source.classes == ("2", "10")
    assert labels(source) == [0, 1, 1, 0]
    for number, picture in enumerate(pictures):
        assert np.array_equal(pixels(source, number), picture)
    assert labels(open_source(str(tmp_path))) == [-1] * 4
    assert open_source(str(tmp_path)).classes == ()


def test_a_single_tar_is_a_set_and_names_with_a_leading_dot_folder_are_too(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "one.tar", {"./0.png": png(noise(8, 8, 3)), "./._0.png": b"macOS", "./1.png": b""})
    source = open_source(str(path))
    assert names(source) == ["one.tar/0.png", "one.tar/1.png"]
    with pytest.raises(BadImage, match="empty"):
        pixels(source, 1)


def test_fields_lists_and_names_in_json_are_labels(tmp_path: Path) -> None:
    facts = [{"label": [1, 0, 0], "pose": "left"}, {"label": [1, 0, 1], "pose": "ahead"}]
    members = {
        f"{n}.{k}": v
        for n, f in enumerate(facts)
        for k, v in (("png", png(noise(8, 8, 3))), ("json", json.dumps(f).encode()))
    }
    path = tar_of(tmp_path / "one.tar", members)
    source = open_source(str(path), SourceOptions(label="class"))
    assert (source.multilabel, source.classes, labels(source)) == (True, ("0", "2"), [(1, 0), (1, 1)])
    assert classes_of(path, "pose") == (("ahead", "left"), [1, 0])
    with pytest.raises(DataError, match=r"0\.png: no label"):
        open_source(str(path), SourceOptions(label="age"))


@pytest.mark.parametrize(
    ("member", "data", "complaint"),
    [
        ("1.txt", b"0", r"1\.png: no label"),
        ("1.cls", b"-1", "label -1: a class is a number from 0"),
        ("1.cls", b"cat", "label 'cat' of .* is unlike that of"),
        ("1.json", b"{", r"its \.json is damaged"),
        ("1.json", b'{"label": 1.5}', "label 1.5"),
        ("1.json", b"[0, 1]", "unlike"),
        ("1.pkl", pickle.dumps(1), "no label"),
    ],
)
def test_a_label_that_is_missing_or_wrong_is_named(tmp_path: Path, member: str, data: bytes, complaint: str) -> None:
    picture = png(noise(8, 8, 3))
    path = tar_of(tmp_path / "one.tar", {"0.png": picture, "0.cls": b"1", "1.png": picture, member: data})
    assert len(open_source(str(path)).entries) == 2
    with pytest.raises(DataError, match=complaint):
        open_source(str(path), SourceOptions(label="class"))


def test_a_sample_without_a_picture_is_a_reject(tmp_path: Path) -> None:
    source = open_source(
        str(tar_of(tmp_path / "one.tar", {"0.jxl": b"...", "0.cls": b"1", "1.png": png(noise(8, 8, 3))}))
    )
    assert first_side(source) == 8
    with pytest.raises(BadImage, match=r"no picture: none of its members is \.png"):
        pixels(source, 0)


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (noise(4, 4, 3).astype(np.float32), "float32"),
        (noise(4, 4, 4), r"\(4, 4, 4\)"),
        (np.array([None]), "object"),
        (noise(0, 4, 3), r"\(0, 4, 3\)"),
    ],
)
def test_arrays_that_are_no_pictures_are_rejects(tmp_path: Path, array: NDArray[np.uint8], complaint: str) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    source = open_source(
        str(tar_of(tmp_path / "a.tar", {"0.npy": buffer.getvalue(), "1.npy": buffer.getvalue()[:90], "2.npy": b"x"}))
    )
    with pytest.raises(BadImage, match=complaint):
        pixels(source, 0)
    for number in (1, 2):
        with pytest.raises(BadImage, match="not a readable image"):
            pixels(source, number)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3)])
def test_arrays_of_grey_and_either_order_are_pictures(tmp_path: Path, shape: tuple[int, ...], order: str) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(noise(*shape), order=order))  # type: ignore[call-overload]
    source = open_source(str(tar_of(tmp_path / "a.tar", {"0.npy": buffer.getvalue()})))
    assert np.array_equal(pixels(source, 0), np.broadcast_to(noise(*shape).reshape(5, 4, -1), (5, 4, 3)))


def test_damaged_tars_are_named(tmp_path: Path) -> None:
    whole = tar_of(tmp_path / "a.tar", {f"{n}.png": png(noise(20, 20, 3)) for n in range(3)}).read_bytes()
    cut = whole.rstrip(b"\0")
    damage = {
        "not a readable tar": whole[:1500],
        "its end mark is missing": cut + bytes(-len(cut) % 512),
        "goes on after its end mark": whole + whole,
        "not a readable": gzip.compress(whole),
    }
    for complaint, data in damage.items():
        (tmp_path / "a.tar").write_bytes(data)
        with pytest.raises(DataError, match=rf"a\.tar: {complaint}"):
            open_source(str(tmp_path))


def test_a_damaged_label_is_named(tmp_path: Path) -> None:
    for text in (b"{", b"[" * 100_000):
        path = tar_of(tmp_path / "a.tar", {"0.png": png(noise(8, 8, 3)), "0.json": text})
        with pytest.raises(DataError, match=r"a\.tar: 0\.png: its \.json is damaged"):
            open_source(str(path), SourceOptions(label="class"))


def test_members_that_stand_apart_links_and_two_pictures_of_one_key_are_refused(tmp_path: Path) -> None:
    picture = png(noise(8, 8, 3))
    with pytest.raises(DataError, match="stand apart"):
        open_source(str(tar_of(tmp_path / "a.tar", {"0.png": picture, "1.png": picture, "0.cls": b"1"})))
    with pytest.raises(DataError, match="two pictures of one sample"):
        open_source(str(tar_of(tmp_path / "a.tar", {"0.png": picture, "0.jpg": picture})))
    with tarfile.open(tar_of(tmp_path / "a.tar", {"0.png": picture}), "a") as tar:
        link = tarfile.TarInfo("1.png")
        link.type, link.linkname = tarfile.LNKTYPE, "0.png"
        tar.addfile(link)
    with pytest.raises(DataError, match=r"1\.png is no plain file"):
        open_source(str(tmp_path / "a.tar"))


def test_a_tar_that_vanishes_ends_the_job(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar", {"0.png": png(noise(8, 8, 3))})
    source = open_source(str(path))
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError, match="shorter than when it was opened"):
        pixels(source, 0)
    path.unlink()
    with pytest.raises(DataError, match="is it still there") as caught:
        pixels(source, 0)
    assert not isinstance(caught.value, BadImage)


def test_the_shards_of_a_prepared_set_are_a_source_but_the_set_is_one_already(labelled_set: Manifest) -> None:
    with pytest.raises(DataError, match="a prepared set already"):
        open_source(str(labelled_set.root))
    for resolution in labelled_set.resolutions:
        source = open_source(str(labelled_set.root / f"r{resolution:04d}"), SourceOptions(label="class"))
        assert source.classes == ("0", "1")
        assert labels(source) == labelled_set.read_labels().tolist()
        assert first_side(source) == resolution


def test_tars_and_parquet_files_are_divided_by_the_words_in_their_names(tmp_path: Path) -> None:
    for name in ("set-train-0.tar", "set-validation-0.tar", "test/0.tar", "contrast-0.tar"):
        tar_of(tmp_path / name, {"0.png": png(noise(8, 8, 3))})
    for partition, expected in (("train", "set-train-0.tar"), ("val", "set-validation-0.tar"), ("test", "test/0.tar")):
        assert names(open_source(str(tmp_path), SourceOptions(partition=partition))) == [f"{expected}/0.png"]
    assert len(open_source(str(tmp_path)).entries) == 4
    with pytest.raises(DataError, match=r"no \.tar file has the word in its name"):
        open_source(str(tmp_path / "test"), SourceOptions(partition="train"))


def test_tars_beside_images_are_ambiguous(tmp_path: Path, write_pictures: Writer) -> None:
    tar_of(write_pictures(tmp_path, 1) / "a.tar", {"0.png": png(noise(8, 8, 3))})
    with pytest.raises(DataError, match=r"holds both a\.tar and 000\.png"):
        open_source(str(tmp_path))

"""Sets in the formats people have: MNIST, CIFAR, WebDataset, parquet, StyleGAN's dataset.json."""

import gzip
import io
import json
import pickle
import struct
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from progan.data.images import BadImage
from progan.data.manifest import Manifest
from progan.data.sources import Source, SourceOptions, first_side, open_source
from progan.types import DataError

DATA = Path(__file__).parents[3] / "shared" / "data"

Writer = Callable[..., Path]


def names(source: Source) -> list[str]:
    return [entry.name for entry in source.entries]


def labels(source: Source) -> list[object]:
    return [entry.label for entry in source.entries]


def pixels(source: Source, number: int) -> NDArray[np.uint8]:
    """As a worker would get them: the loader crosses a pickle."""
    load, entry = pickle.loads(pickle.dumps((source.load, source.entries[number])))
    loaded: NDArray[np.uint8] = load(entry).pixels
    return loaded


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, np.uint8)


def png(picture: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def classes_of(path: Path, label: str = "class", **options: str) -> tuple[tuple[str, ...], list[object]]:
    source = open_source(str(path), SourceOptions(label=label, **options))  # type: ignore[arg-type]
    return source.classes, labels(source)


# MNIST


def idx(array: NDArray[np.uint8]) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Five train pictures, packed, and two test pictures, unpacked."""
    root = tmp_path / "mnist"
    root.mkdir()
    (root / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(noise(5, 28, 28))))
    (root / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.array([7, 1, 7, 0, 1], np.uint8))))
    (root / "t10k-images.idx3-ubyte").write_bytes(idx(noise(2, 28, 28)))
    (root / "t10k-labels.idx1-ubyte").write_bytes(idx(np.array([3, 7], np.uint8)))
    return root


def test_mnist_digits_become_rgb_with_their_digits_as_classes(mnist: Path) -> None:
    source = open_source(str(mnist), SourceOptions(label="class"))
    assert source.classes == ("0", "1", "3", "7")
    assert labels(source) == [3, 1, 3, 0, 1, 2, 3]
    assert np.array_equal(pixels(source, 4), np.repeat(noise(5, 28, 28)[4][:, :, None], 3, axis=2))
    assert np.array_equal(pixels(source, 6)[:, :, 1], noise(2, 28, 28)[1])


def test_mnist_is_divided_into_train_and_test(mnist: Path) -> None:
    assert names(open_source(str(mnist), SourceOptions(partition="test"))) == ["t10k/00000", "t10k/00001"]
    assert len(open_source(str(mnist), SourceOptions(partition="train")).entries) == 5
    assert names(open_source(str(mnist / "t10k-images.idx3-ubyte"))) == ["t10k/00000", "t10k/00001"]
    with pytest.raises(DataError, match="choose one of all, train, test"):
        open_source(str(mnist), SourceOptions(partition="val"))
    with pytest.raises(DataError, match="there are train; use 'all'"):
        open_source(str(mnist / "train-images-idx3-ubyte.gz"), SourceOptions(partition="test"))


def test_mnist_is_padded_to_32_px_by_its_edges_unless_less_is_wanted(mnist: Path) -> None:
    source = open_source(str(mnist))
    raw = pixels(source, 0)
    square = source.frame(source.entries[0], raw, 32)
    assert first_side(source) == 32
    assert np.array_equal(square[2:30, 2:30], raw)
    assert np.array_equal(square[:2, 2:30], raw[[0, 0]])
    plain = open_source(str(mnist), SourceOptions(resolution=28))
    assert np.array_equal(plain.frame(plain.entries[0], raw, 28), raw)
    assert first_side(open_source(str(mnist), SourceOptions(crop="centre"))) == 28


def test_the_identity_of_mnist_follows_its_pixels(mnist: Path) -> None:
    path = mnist / "t10k-images.idx3-ubyte"
    before = open_source(str(mnist)).identity
    assert open_source(str(mnist)).identity == before
    other = mnist.with_name("other")
    other.mkdir()
    (other / path.name).write_bytes(idx(255 - noise(2, 28, 28)))
    assert open_source(str(other)).identity["listing"] != open_source(str(path)).identity["listing"]


def test_of_a_packed_and_an_unpacked_copy_one_is_taken_and_two_sets_are_refused(mnist: Path) -> None:
    packed = mnist / "train-images-idx3-ubyte.gz"
    (mnist / "train-images-idx3-ubyte").write_bytes(gzip.decompress(packed.read_bytes()))
    assert len(open_source(str(mnist)).entries) == 7
    packed.rename(mnist / "fashion-train-images-idx3-ubyte.gz")
    with pytest.raises(DataError, match="holds several sets"):
        open_source(str(mnist))


def test_emnist_is_stood_upright(tmp_path: Path) -> None:
    (tmp_path / "emnist-letters-train-images-idx3-ubyte").write_bytes(idx(noise(1, 28, 28)))
    assert np.array_equal(pixels(open_source(str(tmp_path)), 0)[:, :, 0], noise(1, 28, 28)[0].T)


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"])
@pytest.mark.parametrize("keep", [0, 3, 7, -1])
def test_a_truncated_idx_file_is_named(mnist: Path, name: str, keep: int) -> None:
    path = mnist / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=name):
        open_source(str(mnist), SourceOptions(label="class"))


def test_an_idx_file_of_another_kind_and_labels_that_do_not_fit_are_refused(mnist: Path) -> None:
    (mnist / "t10k-labels.idx1-ubyte").write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(DataError, match="3 labels for 2 images"):
        open_source(str(mnist), SourceOptions(label="class"))
    (mnist / "t10k-labels.idx1-ubyte").unlink()
    with pytest.raises(DataError, match="no labels file"):
        open_source(str(mnist), SourceOptions(label="class"))
    with pytest.raises(DataError, match="know only 'class'"):
        open_source(str(mnist), SourceOptions(label="folder"))
    (mnist / "t10k-images.idx3-ubyte").write_bytes(idx(noise(2, 28)))
    with pytest.raises(DataError, match="not an idx file of bytes in 3 dimensions"):
        open_source(str(mnist))


# CIFAR


def batch(count: int, first: int = 0, **facts: object) -> dict[str, object]:
    return {"data": noise(count, 3072), "labels": [(first + n) % 3 for n in range(count)], **facts}


def cifar_files() -> dict[str, bytes]:
    found: dict[str, object] = {f"data_batch_{n}": batch(n, n) for n in range(1, 6)}
    found |= {"test_batch": batch(2), "batches.meta": {"label_names": ["airplane", "bird", "cat"]}}
    return {name: pickle.dumps(facts, protocol=2) for name, facts in found.items()}


@pytest.fixture
def cifar(tmp_path: Path) -> Path:
    root = tmp_path / "cifar-10-batches-py"
    root.mkdir()
    for name, data in cifar_files().items():
        (root / name).write_bytes(data)
    return root


def test_cifar_is_read_from_its_folder_the_folder_above_and_its_tar(tmp_path: Path, cifar: Path) -> None:
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as tar:
        tar.add(cifar, cifar.name)
    options = SourceOptions(label="class", partition="train")
    sources = [open_source(str(p), options) for p in (cifar, tmp_path, tmp_path / "cifar-10-python.tar.gz")]
    for source in sources:
        assert source.classes == ("airplane", "bird", "cat")
        assert labels(source)[:3] == [1, 2, 0]
        assert source.identity == sources[0].identity
        assert np.array_equal(pixels(source, 2), noise(2, 3072)[1].reshape(3, 32, 32).transpose(1, 2, 0))
    assert len(sources[0].entries) == 15
    assert names(open_source(str(cifar), SourceOptions(partition="test"))) == ["test_batch/00000", "test_batch/00001"]
    assert len(open_source(str(cifar)).entries) == 17


def test_cifar_100_has_fine_and_coarse_classes(tmp_path: Path) -> None:
    facts = {"data": noise(2, 3072), "fine_labels": [1, 0], "coarse_labels": [0, 0]}
    for name in ("train", "test"):
        (tmp_path / name).write_bytes(pickle.dumps(facts, protocol=2))
    meta = {"fine_label_names": ["apple", "pear"], "coarse_label_names": ["fruit"]}
    (tmp_path / "meta").write_bytes(pickle.dumps(meta))
    assert classes_of(tmp_path) == (("apple", "pear"), [1, 0, 1, 0])
    assert classes_of(tmp_path, "coarse", partition="train") == (("fruit",), [0, 0])
    with pytest.raises(DataError, match="choose one of class, coarse"):
        open_source(str(tmp_path), SourceOptions(label="folder"))


# As Python 2 and the numpy of that time wrote it: texts are byte strings, the module is called numpy.core.
PYTHON_2 = (
    b"(dp0\nS'data'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\nRp7\n"
    b"(I1\n(I1\nI3072\ntp8\ncnumpy\ndtype\np9\n(S'u1'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'|'\np13\nNNNI-1\nI-1\nI0\n"
    b"tp14\nbI00\nS'%s'\np15\ntp16\nbsS'labels'\np17\n(lp18\nI0\nas."
)


@pytest.mark.parametrize("protocol", range(6))
def test_batches_of_any_pickle_protocol_are_read(cifar: Path, protocol: int) -> None:
    (cifar / "test_batch").write_bytes(pickle.dumps(batch(2), protocol=protocol))
    assert np.array_equal(pixels(open_source(str(cifar)), 16)[0, :, 0], noise(2, 3072)[1, :32])


def test_batches_that_python_2_wrote_are_read(cifar: Path) -> None:
    (cifar / "test_batch").write_bytes(PYTHON_2 % (b"abc" * 1024))
    source = open_source(str(cifar), SourceOptions(partition="test", label="class"))
    assert bytes(pixels(source, 0)[0, :3, 0]) == b"abc"


class Trap:
    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("call", "asked"), [((eval, "1/0"), "eval"), ((np.load, "x"), "load"), ((getattr, 1, "real"), "getattr")]
)
def test_a_pickle_that_calls_anything_is_refused_in_one_line(
    cifar: Path, protocol: int, call: tuple[object, ...], asked: str
) -> None:
    (cifar / "data_batch_3").write_bytes(pickle.dumps(batch(3, extra=Trap(*call)), protocol=protocol))
    with pytest.raises(DataError, match=f"data_batch_3: .*it asks for .*{asked}") as caught:
        open_source(str(cifar))
    assert "\n" not in str(caught.value)


def test_a_pickle_cannot_change_what_it_calls(cifar: Path) -> None:
    (cifar / "data_batch_1").write_bytes(b"\x80\x02cnumpy\nndarray\nN}X\x04\x00\x00\x00evilK\x01s\x86b.")
    with pytest.raises(DataError, match="not a file of plain values"):
        open_source(str(cifar))
    (cifar / "data_batch_1").write_bytes(cifar_files()["data_batch_1"])
    assert len(open_source(str(cifar)).entries) == 17


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"labels": [0]}, "has no data"),
        ({"data": noise(2, 3072).astype(np.float32)}, "not of bytes"),
        ({"data": noise(2, 100)}, "has no data with 3072 bytes"),
        ({"data": noise(2, 3072), "labels": [0]}, "has no labels with a number for each"),
        ({"data": noise(2, 3072), "labels": [0, -1]}, "has no labels with a number for each"),
        ({"data": noise(2, 3072), "labels": [0, 3]}, "label 3 has no name"),
        ([1, 2], "holds no dictionary"),
    ],
)
def test_a_batch_that_is_not_as_it_should_be_is_named(cifar: Path, facts: object, complaint: str) -> None:
    (cifar / "test_batch").write_bytes(pickle.dumps(facts, protocol=2))
    with pytest.raises(DataError, match=complaint):
        open_source(str(cifar), SourceOptions(label="class"))


def test_a_truncated_batch_and_a_missing_one_are_named(tmp_path: Path, cifar: Path) -> None:
    (cifar / "test_batch").write_bytes(cifar_files()["test_batch"][:-40])
    with pytest.raises(DataError, match="test_batch"):
        open_source(str(cifar))
    (cifar / "test_batch").unlink()
    with pytest.raises(DataError, match="test_batch: cannot be read"):
        open_source(str(cifar))
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as tar:
        tar.add(cifar, cifar.name)
    with pytest.raises(DataError, match="test_batch: cannot be read"):
        open_source(str(tmp_path / "c.tar.gz"))
    data = (tmp_path / "c.tar.gz").read_bytes()
    (tmp_path / "c.tar.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"c\.tar\.gz"):
        open_source(str(tmp_path / "c.tar.gz"))


# WebDataset


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


# Parquet

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


# dataset.json of StyleGAN's tools


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
    (root / "dataset.json").write_text("{")
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


# Real files


@pytest.mark.skipif(not (DATA / "mnist").is_dir(), reason="MNIST is not beside the repository")
def test_the_real_mnist_is_read() -> None:
    source = open_source(str(DATA / "mnist"), SourceOptions(label="class"))
    assert (len(source.entries), source.classes) == (70000, tuple("0123456789"))
    assert labels(source)[:5] == [5, 0, 4, 1, 9]
    assert pixels(source, 0).sum() == 3 * 27525
    assert len(open_source(str(DATA / "mnist"), SourceOptions(partition="test")).entries) == 10000


@pytest.mark.skipif(
    not (DATA / "cifar10_jpeg.zip").is_file(), reason="the CIFAR-10 sample is not beside the repository"
)
def test_cifar_as_image_folders_is_read() -> None:
    source = open_source(str(DATA / "cifar10_jpeg.zip"), SourceOptions(label="folder"))
    assert (len(source.entries), len(source.classes), source.classes[0]) == (8000, 10, "airplane")
    assert pixels(source, 7999).shape == (32, 32, 3)


@pytest.mark.parametrize(("name", "count", "side"), [("celeba_mid.zip", 710, 150), ("celebahq_1024.zip", 28, 1024)])
def test_real_zips_of_faces_are_read(name: str, count: int, side: int) -> None:
    if not (DATA / name).is_file():
        pytest.skip(f"{name} is not beside the repository")
    source = open_source(str(DATA / name))
    assert len(source.entries) == count
    assert first_side(source) >= side

"""CIFAR as its python batches."""

import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from source_sets import classes_of, labels, names, noise, pixels

from progan.data.sources import SourceOptions, open_source
from progan.types import DataError


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

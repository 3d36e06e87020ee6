"""MNIST and what else comes as idx files."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from source_sets import labels, names, noise, pixels

from progan.data.sources import SourceOptions, first_side, open_source
from progan.types import DataError


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

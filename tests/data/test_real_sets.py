"""Sets as they are distributed, from the folder that PROGAN_REAL_DATA names: those of them that are there."""

import os
from pathlib import Path

import pytest
from source_sets import labels, pixels

from progan.data.sources import SourceOptions, first_side, open_source

REAL = Path(os.environ.get("PROGAN_REAL_DATA", "nowhere"))


@pytest.mark.skipif(not (REAL / "mnist").is_dir(), reason="PROGAN_REAL_DATA has no mnist")
def test_the_real_mnist_is_read() -> None:
    source = open_source(str(REAL / "mnist"), SourceOptions(label="class"))
    assert (len(source.entries), source.classes) == (70000, tuple("0123456789"))
    assert labels(source)[:5] == [5, 0, 4, 1, 9]
    assert pixels(source, 0).sum() == 3 * 27525
    assert len(open_source(str(REAL / "mnist"), SourceOptions(partition="test")).entries) == 10000


@pytest.mark.skipif(not (REAL / "cifar10_jpeg.zip").is_file(), reason="PROGAN_REAL_DATA has no cifar10_jpeg.zip")
def test_cifar_as_image_folders_is_read() -> None:
    source = open_source(str(REAL / "cifar10_jpeg.zip"), SourceOptions(label="folder"))
    assert (len(source.entries), len(source.classes), source.classes[0]) == (8000, 10, "airplane")
    assert pixels(source, 7999).shape == (32, 32, 3)


@pytest.mark.parametrize(("name", "count", "side"), [("celeba_mid.zip", 710, 150), ("celebahq_1024.zip", 28, 1024)])
def test_real_zips_of_faces_are_read(name: str, count: int, side: int) -> None:
    if not (REAL / name).is_file():
        pytest.skip(f"PROGAN_REAL_DATA has no {name}")
    source = open_source(str(REAL / name))
    assert len(source.entries) == count
    assert first_side(source) >= side

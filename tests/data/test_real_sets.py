"""Sets as they are distributed: PROGAN_REAL_DATA names a folder with an `mnist` folder and zips of images in it."""

import os
from pathlib import Path

import pytest
from source_sets import labels, pixels

from progan.data.sources import SourceOptions, first_side, open_source

REAL = Path(os.environ.get("PROGAN_REAL_DATA", "nowhere"))
ZIPS = sorted(REAL.glob("*.zip"))


@pytest.mark.skipif(not (REAL / "mnist").is_dir(), reason="PROGAN_REAL_DATA names no folder with mnist")
def test_mnist_is_read() -> None:
    source = open_source(str(REAL / "mnist"), SourceOptions(label="class"))
    assert (len(source.entries), source.classes) == (70000, tuple("0123456789"))
    assert labels(source)[:5] == [5, 0, 4, 1, 9]
    assert pixels(source, 0).sum() == 3 * 27525
    assert len(open_source(str(REAL / "mnist"), SourceOptions(partition="test")).entries) == 10000


@pytest.mark.skipif(not ZIPS, reason="PROGAN_REAL_DATA names no folder with zips")
def test_zips_of_images_are_read() -> None:
    for path in ZIPS:
        source = open_source(str(path))
        first, last = (pixels(source, number) for number in (0, -1))
        assert min(first.shape[:2]) == first_side(source), path.name
        assert first.shape[2] == last.shape[2] == 3, path.name

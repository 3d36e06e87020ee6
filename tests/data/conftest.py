"""Small picture folders and sets for the tests of the data package."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from progan.data.manifest import Manifest
from progan.data.preparing.shards import PrepareOptions, prepare
from progan.data.sources import SourceOptions, open_source


def _write_pictures(
    folder: Path, count: int, size: tuple[int, int] = (16, 16), suffix: str = "png", first: int = 0
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03d}.{suffix}")
    return folder


@pytest.fixture
def write_pictures() -> Callable[..., Path]:
    """write(folder, count, size=(width, height), suffix, first): pictures of noise, the same for the same number."""
    return _write_pictures


def _labelled(folder: Path, raw_up_to: int, shard_bytes: int) -> Manifest:
    """Ten pictures of two classes at 4, 8 and 16 px."""
    _write_pictures(folder / "raw" / "cats", 6)
    _write_pictures(folder / "raw" / "dogs", 4, first=6)
    source = open_source(str(folder / "raw"), SourceOptions(label="folder"))
    return prepare(source, folder / "set", PrepareOptions(16, raw_up_to=raw_up_to, shard_bytes=shard_bytes))


@pytest.fixture
def labelled_set(tmp_path: Path) -> Manifest:
    """Ten pictures of two classes at 4, 8 and 16 px, stored raw, in several shards."""
    return _labelled(tmp_path, raw_up_to=64, shard_bytes=8000)


@pytest.fixture
def coded_set(tmp_path: Path) -> Manifest:
    """The same with PNG at 8 and 16 px."""
    return _labelled(tmp_path, raw_up_to=4, shard_bytes=4000)

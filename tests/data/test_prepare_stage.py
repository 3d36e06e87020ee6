from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.prepare import prepare
from progan.data.manifest import Manifest
from progan.data.preparing.shards import PrepareOptions
from progan.data.sources import SourceOptions

Writer = Callable[..., Path]


def test_the_default_resolution_is_the_power_of_two_below_the_first_square(
    tmp_path: Path, write_pictures: Writer, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pictures(tmp_path / "raw" / "cats", 2, (20, 30))
    write_pictures(tmp_path / "raw" / "dogs", 1, (20, 30), first=2)
    prepare(str(tmp_path / "raw"), tmp_path / "set", SourceOptions(label="folder"), PrepareOptions)
    assert Manifest.load(tmp_path / "set").resolutions == (4, 8, 16)
    line = capsys.readouterr().out
    assert "prepared" in line
    assert "3 images, 0 rejected, cats: 2, dogs: 1, 4 to 16 px" in line


def test_preparing_again_says_that_nothing_was_to_do(
    tmp_path: Path, write_pictures: Writer, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        prepare(str(write_pictures(tmp_path / "raw", 2)), tmp_path / "set", SourceOptions(8), PrepareOptions)
    assert capsys.readouterr().out.splitlines()[1].startswith("already prepared")


def test_synthetic_faces_are_prepared_at_64_px(tmp_path: Path) -> None:
    prepare("synthetic", tmp_path / "set", SourceOptions(limit=2), PrepareOptions)
    manifest = Manifest.load(tmp_path / "set")
    assert (manifest.count, manifest.resolutions) == (2, (4, 8, 16, 32, 64))

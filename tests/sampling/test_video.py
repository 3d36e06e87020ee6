import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from progan.sampling.video import check_video, write_video
from progan.types import ConfigError

GREYS = (20, 120, 220)
ENDINGS = pytest.mark.parametrize("ending", [".webp", ".gif", ".mp4"])


def frames(height: int = 20, width: int = 32) -> Iterator[Tensor]:
    for grey in GREYS:
        yield torch.full((height, width, 3), grey, dtype=torch.uint8)


def pillow_frames(path: Path) -> list[tuple[int, float]]:
    """(mean, milliseconds) of each frame."""
    with Image.open(path) as film:
        shown = []
        for place in range(getattr(film, "n_frames", 1)):
            film.seek(place)
            film.load()
            shown.append((round(np.asarray(film.convert("RGB")).mean()), film.info["duration"]))
    return shown


@pytest.mark.parametrize(
    ("ending", "fps", "durations"),
    [
        (".webp", 8.0, [250, 125, 500]),
        (".gif", 8.0, [250, 130, 500]),  # ends at 0.25, 0.375 and 0.875 s, in whole 1/100 s
        (".gif", 30.0, [70, 30, 130]),
    ],
)
def test_pillow_reads_the_frames_and_how_long_each_is_shown(
    ending: str, fps: float, durations: list[int], tmp_path: Path
) -> None:
    path = tmp_path / f"film{ending}"
    write_video(frames(), [2, 1, 4], fps, path)
    shown = pillow_frames(path)
    assert [milliseconds for _, milliseconds in shown] == durations
    np.testing.assert_allclose([mean for mean, _ in shown], GREYS, atol=2)


def test_an_mp4_repeats_frames_and_has_even_sides(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "film.mp4"
    write_video(frames(21, 33), [2, 1, 4], 8.0, path)
    with av.open(str(path)) as film:
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 8
    assert {frame.shape for frame in shown} == {(22, 34, 3)}
    np.testing.assert_allclose([frame.mean() for frame in shown], [20] * 2 + [120] + [220] * 4, atol=3)


@ENDINGS
def test_a_single_frame_is_a_video_too(ending: str, tmp_path: Path) -> None:
    _require(ending)
    write_video(iter([next(frames())]), [3], 5.0, tmp_path / f"film{ending}")
    assert (tmp_path / f"film{ending}").stat().st_size > 0


@ENDINGS
def test_frames_are_made_when_their_turn_comes_and_not_kept(ending: str, tmp_path: Path) -> None:
    _require(ending)
    alive: list[weakref.ref[Any]] = []
    most = 0

    def made() -> Iterator[Tensor]:
        nonlocal most
        for number in range(12):
            pixels = np.full((16, 16, 3), 20 * number, dtype=np.uint8)
            alive.append(weakref.ref(pixels))
            yield torch.from_numpy(pixels)
            del pixels
            most = max(most, sum(reference() is not None for reference in alive))

    write_video(made(), [1] * 12, 10.0, tmp_path / f"film{ending}")
    assert len(alive) == 12
    assert most <= 3


@ENDINGS
def test_a_video_that_cannot_be_finished_leaves_the_old_file(ending: str, tmp_path: Path) -> None:
    _require(ending)
    path = tmp_path / f"film{ending}"
    path.write_bytes(b"old")

    def broken() -> Iterator[Tensor]:
        yield from frames()
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_video(broken(), [1] * 5, 10.0, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_ending_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"film\.avi: unknown ending '\.avi'; choose one of \.webp, \.gif, \.mp4"):
        check_video(Path("film.avi"))
    check_video(Path("film.WEBP"))
    check_video(Path("still.png"), (".png",))


def test_where_pyav_is_missing_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"pip install 'progan\[video\]'"):
        check_video(Path("film.mp4"))
    check_video(Path("film.gif"))


def _require(ending: str) -> None:
    if ending == ".mp4":
        pytest.importorskip("av")

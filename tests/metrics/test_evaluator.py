import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from progan.metrics import MetricSpec, weights
from progan.metrics.evaluator import Evaluator, _finite
from progan.metrics.gathering import ImageDraw
from progan.random import generator
from progan.types import ConfigError, DataError

SWD, PAIRS = MetricSpec("swd", 24, "swd24"), MetricSpec("msssim", 10, "msssim10")


class RealImages:
    """A fixed sequence at any resolution, which notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []

    def __call__(self, resolution: int, start: int, count: int) -> Tensor:
        self.asked.append((resolution, start, count))
        return sequence("real", resolution)(start, count)


def sequence(name: str, resolution: int, contrast: float = 1.0) -> ImageDraw:
    def image(number: int) -> Tensor:
        coarse = torch.rand(1, 3, 4, 4, generator=generator(0, name, number)) * 255 * contrast
        return F.interpolate(coarse, size=resolution, mode="bilinear")[0].round().byte()

    return lambda start, count: torch.stack([image(number) for number in range(start, start + count)])


def evaluator(real: RealImages, names: list[str | MetricSpec] | None = None, real_count: int = 48) -> Evaluator:
    return Evaluator(
        [SWD, PAIRS] if names is None else names,
        real,
        real_count,
        seed=1,
        device="cpu",
        weights=None,
        data_fingerprint="abc",
        batch=6,
    )


def test_every_metric_gives_a_record_that_can_be_appended() -> None:
    swd, pairs = evaluator(RealImages()).measure(sequence("fake", 32, contrast=0.5), 32)
    json.dumps([swd, pairs], allow_nan=False)
    assert (swd["metric"], swd["resolution"], pairs["metric"]) == ("swd24", 32, "msssim10")
    assert 0 < swd["floor"] < swd["value"]
    assert set(swd["provenance"]["details"]["levels"]) == {"32", "16"}
    assert set(swd["provenance"]["details"]["floor_levels"]) == {"32", "16"}
    assert 0 < pairs["value"] < 1
    assert 0 < pairs["floor"] < 1
    expected = {"count": 24, "real_count": 48, "seed": 1, "weights_sha256": None, "data_fingerprint": "abc"}
    assert expected.items() <= swd["provenance"].items()


def test_measuring_twice_gives_the_same_values() -> None:
    def values() -> list[tuple[float, float, object]]:
        records = evaluator(RealImages()).measure(sequence("fake", 32), 32)
        return [(record["value"], record["floor"], record["provenance"]["details"]) for record in records]

    assert values() == values()


def test_the_real_side_is_measured_once_for_a_resolution() -> None:
    real = RealImages()
    measuring = evaluator(real)
    first = measuring.measure(sequence("fake", 16), 16)
    asked = len(real.asked)
    assert measuring.measure(sequence("fake", 16), 16)[0]["value"] == first[0]["value"]
    assert len(real.asked) == asked
    measuring.measure(sequence("fake", 32), 32)
    assert {resolution for resolution, _, _ in real.asked[asked:]} == {32}


def test_a_floor_outlives_a_change_of_resolution() -> None:
    real = RealImages()
    measuring = evaluator(real, [SWD])
    floors = [measuring.measure(sequence("fake", size), size)[0]["floor"] for size in (16, 32, 16)]
    assert floors[0] == floors[2]
    assert max(start + count for size, start, count in real.asked[-4:] if size == 16) == 24


def test_images_are_drawn_once_for_all_metrics() -> None:
    drawn: list[int] = []

    def fake(start: int, count: int) -> Tensor:
        drawn.extend(range(start, start + count))
        return sequence("fake", 16)(start, count)

    evaluator(RealImages()).measure(fake, 16)
    assert drawn == list(range(24))


def test_without_twice_the_real_images_there_is_no_floor_and_a_reason() -> None:
    swd, pairs = evaluator(RealImages(), real_count=30).measure(sequence("fake", 16), 16)
    assert swd["floor"] is None
    assert "48 real images and there are 30" in swd["provenance"]["floor_note"]
    assert pairs["floor"] is not None
    (pairs,) = evaluator(RealImages(), [PAIRS], real_count=0).measure(sequence("fake", 16), 16)
    assert pairs["floor"] is None


def test_too_few_real_images_are_told_beforehand_and_the_metric_is_left_out() -> None:
    measuring = evaluator(RealImages(), ["swd16k", PAIRS], real_count=5000)
    (line,) = measuring.preflight(32)
    assert line.startswith("swd16k: left out")
    assert "ask for swd4k" in line
    assert [record["metric"] for record in measuring.measure(sequence("fake", 16), 16)] == ["msssim10"]


def test_missing_weights_are_told_beforehand_and_fid_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(weights.VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nothing answers
    measuring = evaluator(RealImages(), ["fid1k", SWD], real_count=2000)
    (line,) = measuring.preflight(32)
    assert line.startswith("fid1k: left out")
    assert weights.VARIABLE in line
    assert [record["metric"] for record in measuring.measure(sequence("fake", 16), 16)] == ["swd24"]


def test_a_resolution_too_small_for_a_metric_leaves_it_out_without_a_line() -> None:
    measuring = evaluator(RealImages())
    assert measuring.preflight(8) == []
    assert measuring.measure(sequence("fake", 8), 8) == []


def test_a_name_that_is_no_metric_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="known: swd"):
        evaluator(RealImages(), ["swd"])


def test_a_name_given_twice_is_measured_once() -> None:
    assert len(evaluator(RealImages(), [SWD, SWD]).measure(sequence("fake", 16), 16)) == 1


def test_progress_is_told_in_lines() -> None:
    lines: list[str] = []
    evaluator(RealImages()).measure(sequence("fake", 16), 16, lines.append)
    assert lines[0] == "drawing 48 real images at 16 px"
    assert "drawing 24 generated images at 16 px" in lines
    assert lines[-1] == "msssim10: comparing generated images at 16 px"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_refused_by_name(value: float) -> None:
    with pytest.raises(DataError, match="swd2k at 32 px"):
        _finite(value, "swd2k at 32 px")

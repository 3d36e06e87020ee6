import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from progan.metrics import MetricSpec
from progan.metrics.evaluator import Evaluator, _finite
from progan.metrics.features import FeatureNetwork
from progan.metrics.gathering import ImageDraw
from progan.metrics.real_side import RealSet
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


def no_network() -> FeatureNetwork:
    raise DataError("weights.pth: no such file")


def evaluator(
    real: RealImages, names: Sequence[str | MetricSpec] = (SWD, PAIRS), real_count: int = 48, cache: Path | None = None
) -> Evaluator:
    real_set = RealSet(real, real_count, "abc")
    return Evaluator(names, real_set, seed=1, device="cpu", load_network=no_network, cache=cache, batch=6)


def test_every_metric_gives_a_record_that_can_be_appended() -> None:
    swd, pairs = evaluator(RealImages()).measure([sequence("fake", 32, contrast=0.5)], 32)
    json.dumps([swd, pairs], allow_nan=False)
    assert (swd["metric"], swd["resolution"], pairs["metric"]) == ("swd24", 32, "msssim10")
    assert 0 < swd["floor"] < swd["value"]
    assert set(swd["provenance"]["details"]["levels"]) == {"32", "16"}
    assert set(swd["provenance"]["details"]["floor_levels"]) == {"32", "16"}
    assert 0 < pairs["value"] < 1
    assert 0 < pairs["floor"] < 1
    expected = {"count": 24, "real_count": 48, "seed": 1, "weights_sha256": None, "data_fingerprint": "abc"}
    assert expected.items() <= swd["provenance"].items()


def test_half_of_the_real_images_are_mirrored_alike_at_every_resolution_and_in_any_batch() -> None:
    plain = RealSet(RealImages(), 200, "abc", "shuffled 0")
    real = plain.mirrored(seed=1)
    images, flipped = plain.draw(16, 0, 200), real.draw(16, 0, 200)
    chosen = (flipped == images.flip(3)).flatten(1).all(1)
    assert torch.equal(flipped[~chosen], images[~chosen])
    assert 70 < chosen.sum() < 130
    assert torch.equal(torch.cat([real.draw(16, start, 8) for start in range(40, 80, 8)]), flipped[40:80])
    assert torch.equal((real.draw(4, 0, 200) == plain.draw(4, 0, 200).flip(3)).flatten(1).all(1), chosen)
    assert not torch.equal(plain.mirrored(seed=2).draw(16, 0, 200), flipped)


def test_what_is_kept_of_mirrored_images_is_not_taken_for_what_is_kept_of_others(tmp_path: Path) -> None:
    def records(real: RealSet) -> list[dict[str, object]]:
        measuring = Evaluator([SWD], real, seed=1, device="cpu", load_network=no_network, cache=tmp_path, batch=6)
        return measuring.measure([sequence("fake", 16)], 16)

    plain = RealSet(RealImages(), 48, "abc")
    (before,), (mirrored,), (after,) = records(plain), records(plain.mirrored(seed=1)), records(plain)
    assert before["floor"] == after["floor"] != mirrored["floor"]
    assert [one["provenance"]["real_mirrored"] for one in (before, mirrored)] == [False, True]  # type: ignore[index]


def test_a_generator_of_what_training_shows_is_no_further_from_real_images_than_they_from_themselves() -> None:
    """Images bright on one side, which a training that mirrors shows bright on either."""

    def image(number: int) -> Tensor:
        return sequence("side", 16)(number, 1) // 2 + torch.linspace(0, 120, 16).byte()

    def real(resolution: int, start: int, count: int) -> Tensor:
        return torch.cat([image(number) for number in range(start, start + count)])

    def fake(start: int, count: int) -> Tensor:
        images = [image(-1 - number) for number in range(start, start + count)]
        return torch.cat([one.flip(3) if number % 2 else one for number, one in enumerate(images)])

    energy = MetricSpec("energy", 96, "energy96")

    def measured(real_set: RealSet) -> dict[str, float]:
        measuring = Evaluator([energy], real_set, seed=1, device="cpu", load_network=no_network, batch=6)
        return measuring.measure([fake], 16)[0]

    plain = RealSet(real, 192, "abc")
    mirrored = measured(plain.mirrored(seed=1))
    assert mirrored["value"] < 2 * mirrored["floor"]
    assert measured(plain)["value"] > 10 * mirrored["value"]


def test_measuring_twice_gives_the_same_values() -> None:
    def values() -> list[tuple[float, float, object]]:
        records = evaluator(RealImages()).measure([sequence("fake", 32)], 32)
        return [(record["value"], record["floor"], record["provenance"]["details"]) for record in records]

    assert values() == values()


def test_the_real_side_is_measured_once_for_a_resolution() -> None:
    real = RealImages()
    measuring = evaluator(real)
    first = measuring.measure([sequence("fake", 16)], 16)
    asked = len(real.asked)
    assert measuring.measure([sequence("fake", 16)], 16)[0]["value"] == first[0]["value"]
    assert len(real.asked) == asked
    measuring.measure([sequence("fake", 32)], 32)
    assert {resolution for resolution, _, _ in real.asked[asked:]} == {32}


def test_a_floor_outlives_a_change_of_resolution() -> None:
    real = RealImages()
    measuring = evaluator(real, [SWD])
    floors = [measuring.measure([sequence("fake", size)], size)[0]["floor"] for size in (16, 32, 16)]
    assert floors[0] == floors[2]
    assert max(start + count for size, start, count in real.asked[-4:] if size == 16) == 24


def test_images_are_drawn_once_for_all_metrics() -> None:
    drawn: list[int] = []

    def fake(start: int, count: int) -> Tensor:
        drawn.extend(range(start, start + count))
        return sequence("fake", 16)(start, count)

    evaluator(RealImages()).measure([fake], 16)
    assert drawn == list(range(24))


def test_without_twice_the_real_images_there_is_no_floor_and_a_reason() -> None:
    swd, pairs = evaluator(RealImages(), real_count=30).measure([sequence("fake", 16)], 16)
    assert swd["floor"] is None
    assert "48 real images and there are 30" in swd["provenance"]["floor_note"]
    assert pairs["floor"] is not None
    (pairs,) = evaluator(RealImages(), [PAIRS], real_count=0).measure([sequence("fake", 16)], 16)
    assert pairs["floor"] is None


def test_too_few_real_images_are_told_beforehand_and_the_metric_is_left_out() -> None:
    measuring = evaluator(RealImages(), ["swd16k", PAIRS], real_count=5000)
    (line,) = measuring.preflight(32)
    assert line.startswith("swd16k: left out")
    assert "ask for swd4k" in line
    assert [record["metric"] for record in measuring.measure([sequence("fake", 16)], 16)] == ["msssim10"]


def test_another_number_of_real_images_is_compared_where_it_is_asked_for() -> None:
    name = "energy24:40"
    (record,) = evaluator(RealImages(), [name]).measure([sequence("fake", 16)], 16)
    assert (record["metric"], record["provenance"]["count"], record["floor"]) == (name, 24, None)
    (problem,) = evaluator(RealImages(), ["parzen24:10"]).preflight(16)
    assert "it takes at least 20 images on either side" in problem


def test_a_missing_network_is_told_beforehand_and_what_needs_it_is_left_out() -> None:
    measuring = evaluator(RealImages(), ["fid1k", SWD], real_count=2000)
    assert measuring.preflight(32) == ["fid1k: left out: weights.pth: no such file"]
    assert [record["metric"] for record in measuring.measure([sequence("fake", 16)], 16)] == ["swd24"]


def test_a_resolution_too_small_for_a_metric_leaves_it_out_without_a_line() -> None:
    measuring = evaluator(RealImages())
    assert measuring.preflight(8) == []
    assert measuring.measure([sequence("fake", 8)], 8) == []


def test_a_name_that_is_no_metric_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="known: swd"):
        evaluator(RealImages(), ["swd"])


def test_a_name_given_twice_is_measured_once() -> None:
    assert len(evaluator(RealImages(), [SWD, SWD]).measure([sequence("fake", 16)], 16)) == 1


def test_progress_tells_what_is_drawn_and_compared() -> None:
    told: list[tuple[str, int, int]] = []
    evaluator(RealImages()).measure([sequence("fake", 16)], 16, lambda *what: told.append(what))
    assert told[0] == ("real images at 16 px", 6, 48)
    assert ("generated images at 16 px", 24, 24) in told
    assert told[-1] == ("msssim10: comparing generated images", 0, 0)


def test_several_sets_of_images_give_their_mean_and_an_interval() -> None:
    measuring = evaluator(RealImages(), [SWD])
    draws = [sequence(f"fake {number}", 16) for number in range(3)]
    apart = [measuring.measure([draw], 16)[0] for draw in draws]
    (together,) = measuring.measure(draws, 16)
    values = [record["value"] for record in apart]
    assert together["provenance"]["values"] == values
    assert together["value"] == pytest.approx(sum(values) / 3)
    low, high = together["interval"]
    # Student's t of two degrees of freedom, 95 %.
    assert high - together["value"] == pytest.approx(4.303 * torch.tensor(values).std().item() / 3**0.5, rel=1e-4)
    assert low + high == pytest.approx(2 * together["value"])
    assert apart[0]["interval"] is None


def test_the_floor_is_kept_on_disk_for_the_same_data_only(tmp_path: Path) -> None:
    first = evaluator(RealImages(), [SWD], cache=tmp_path).measure([sequence("fake", 16)], 16)
    real = RealImages()
    again = evaluator(real, [SWD], cache=tmp_path).measure([sequence("fake", 16)], 16)
    assert (again[0]["value"], again[0]["floor"]) == (first[0]["value"], first[0]["floor"])
    assert again[0]["provenance"]["details"] == first[0]["provenance"]["details"]
    assert max(start + count for _, start, count in real.asked) == 24  # of 48, which the floor takes
    other = RealImages()
    Evaluator([SWD], RealSet(other, 48, "abcd"), 1, "cpu", no_network, tmp_path, 6).measure([sequence("fake", 16)], 16)
    assert max(start + count for _, start, count in other.asked) == 48


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_refused_by_name(value: float) -> None:
    with pytest.raises(DataError, match="swd2k at 32 px"):
        _finite(value, "swd2k at 32 px")

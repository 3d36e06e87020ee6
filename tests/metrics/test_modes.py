import math

import pytest
import torch
from torch import Tensor

from progan.metrics import modes
from progan.metrics.gathering import Outcome
from progan.metrics.modes import Crowd, Modes, different_bins, effective_modes, mean_distance
from progan.random import generator

CPU = torch.device("cpu")
FAMILY = Modes(seed=0, device=CPU)


def mixture(count: int, kinds: int, seed: int, size: int = 48) -> Tensor:
    """Points around the first `kinds` of some middles, equally likely."""
    draws = generator(seed, "mixture", count)
    middles = torch.randn(40, size, generator=generator(0, "middles", 0))
    return middles[torch.randint(kinds, (count,), generator=draws)] + 0.2 * torch.randn(count, size, generator=draws)


def compared(real: Tensor, fake: Tensor) -> dict[str, Outcome]:
    return FAMILY.compare(
        FAMILY.summary(real, slice(0, len(real))),
        FAMILY.summary(fake, slice(0, len(fake))),
    )


def plain_share_of_different_bins(real: list[int], fake: list[int]) -> float:
    """Two-proportion z-tests one after the other."""
    different = 0
    for a, b in zip(real, fake, strict=True):
        m, n = sum(real), sum(fake)
        p = (a + b) / (m + n)
        error = math.sqrt(p * (1 - p) * (1 / m + 1 / n))
        if error > 0:
            two_sided = math.erfc(abs(a / m - b / n) / error / math.sqrt(2))
            different += two_sided < 0.05
    return different / len(real)


def test_bins_that_differ_are_those_of_a_plain_z_test() -> None:
    draws = generator(0, "counts", 0)
    for _ in range(20):
        real, fake = (torch.randint(0, 60, (30,), generator=draws) for _ in range(2))
        real[0] = fake[0] = 0
        assert different_bins(real, fake) == plain_share_of_different_bins(real.tolist(), fake.tolist()) > 0
    assert different_bins(torch.tensor([50]), torch.tensor([30])) == 0


def test_images_are_counted_in_the_bin_of_the_nearest_centre() -> None:
    real, fake = mixture(100, 40, 0), mixture(70, 40, 1)
    crowd = Crowd(real, 0, CPU)
    centres = crowd._centres.tolist()
    expected = [0] * len(centres)
    for point in fake.tolist():
        expected[min(range(len(centres)), key=lambda k: math.dist(point, centres[k]))] += 1
    assert crowd.counts(Crowd(fake, 0, CPU)).tolist() == expected


@pytest.mark.parametrize("at_once", [1000, 90])
def test_the_spread_is_the_mean_over_a_plain_double_loop(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modes, "_DISTANCES_AT_ONCE", at_once)
    points = mixture(31, 40, 0) + 3
    pairs = [math.dist(x, y) for i, x in enumerate(points.tolist()) for y in points[i + 1 :].tolist()]
    assert mean_distance(points) == pytest.approx(sum(pairs) / len(pairs), rel=1e-5)
    assert mean_distance(points[:1]) == 0


def test_other_real_images_differ_in_about_one_bin_of_twenty() -> None:
    shares = [compared(mixture(2000, 40, 2 * n), mixture(2000, 40, 2 * n + 1))["ndb"].value for n in range(5)]
    assert 0.01 <= sum(shares) / len(shares) <= 0.12


def test_modes_that_a_generator_drops_are_found() -> None:
    real = mixture(2000, 40, 0)
    whole, dropped = compared(real, mixture(2000, 40, 1)), compared(real, mixture(2000, 10, 1))
    assert dropped["ndb"].value > 0.7 > 3 * whole["ndb"].value
    assert dropped["ndb"].details["bins_hit"] < 0.4 * whole["ndb"].details["bins_hit"]
    assert dropped["ndb"].details["effective_modes"] < 0.4 * whole["ndb"].details["effective_modes"]
    assert dropped["spread"].value < 0.99 * whole["spread"].value


def test_a_collapsed_generator_has_one_mode_and_no_spread() -> None:
    real = mixture(2000, 40, 0)
    found = compared(real, real[:1].expand(500, -1))
    assert found["ndb"].details["effective_modes"] == pytest.approx(1)
    assert found["ndb"].details["bins_hit"] == 1
    assert found["spread"].value < 1e-4 * found["spread"].details["real_spread"]


def test_effective_modes_are_as_many_equally_full_bins() -> None:
    assert effective_modes(torch.tensor([5, 5, 5, 5, 0, 0])) == pytest.approx(4)
    assert effective_modes(torch.tensor([1, 3])) == pytest.approx(
        math.exp(-0.25 * math.log(0.25) - 0.75 * math.log(0.75))
    )


@pytest.mark.parametrize(("images", "bins"), [(5, 1), (40, 2), (1999, 99), (2500, 100)])
def test_there_are_twenty_real_images_to_a_bin(images: int, bins: int) -> None:
    real = mixture(images, 40, 0, size=12) if images < 1000 else torch.rand(images, 1, generator=generator(0, "x", 0))
    assert compared(real, real)["ndb"].details["bins"] == bins


def test_equal_sets_differ_in_nothing() -> None:
    real = mixture(400, 40, 0)
    found = compared(real, real)
    assert found["ndb"].value == 0
    assert found["ndb"].details["effective_modes"] == found["ndb"].details["real_effective_modes"] > 10
    assert found["spread"].value == found["spread"].details["real_spread"] > 0

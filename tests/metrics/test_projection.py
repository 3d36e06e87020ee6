import math

import pytest
import torch
from torch import Tensor

from progan.metrics import projection
from progan.metrics.projection import EnergyDistance, divisions, projections
from progan.random import generator

CPU = torch.device("cpu")


def samples(count: int, size: int = 48, seed: int = 0, shift: float = 0.0) -> Tensor:
    return torch.randn(count, size, generator=generator(seed, "samples", count)) * 0.3 + shift


def mean_distance(first: list[list[float]], second: list[list[float]]) -> float:
    total = 0.0
    for x in first:
        for y in second:
            total += math.sqrt(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))
    return total / (len(first) * len(second))


def reference(real: Tensor, fake: Tensor, seed: int) -> float:
    """The mean over the projections of 2 E|x - y| - E|x - x'| - E|y - y'|."""
    total = 0.0
    for directions in projections(real.shape[1], seed).double():
        x, y = (real.double() @ directions).tolist(), (fake.double() @ directions).tolist()
        total += 2 * mean_distance(x, y) - mean_distance(x, x) - mean_distance(y, y)
    return total / projection.PROJECTIONS


@pytest.mark.parametrize("counts", [(9, 9), (12, 5)])
def test_value_and_p_value_equal_a_plain_double_loop(counts: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "PERMUTATIONS", 19)
    monkeypatch.setattr(projection, "_DISTANCES_AT_ONCE", 40)  # several blocks, the last one smaller
    real, fake = samples(counts[0]), samples(counts[1], seed=1, shift=0.07)
    (outcome,) = EnergyDistance(3, CPU).compare(real, fake).values()
    assert outcome.value == pytest.approx(1000 * reference(real, fake, 3), rel=1e-4)
    pooled, values = torch.cat((real, fake)), []
    for signs in divisions(*counts, 3).T:
        values.append(reference(pooled[signs > 0], pooled[signs < 0], 3))
    expected = sum(value >= values[0] for value in values) / 20
    assert outcome.details["p_value"] == expected
    assert 1 / 20 < expected < 1


def test_directions_are_orthonormal_and_those_of_the_seed() -> None:
    found = projections(48, 0)
    assert found.shape == (8, 48, 16)
    torch.testing.assert_close(found.mT @ found, torch.eye(16).expand(8, 16, 16), rtol=0, atol=1e-6)
    assert torch.equal(found, projections(48, 0))
    assert not torch.allclose(found, projections(48, 1))
    assert not torch.allclose(found[0], found[1])


def test_p_values_are_uniform_where_both_sets_are_drawn_alike() -> None:
    count = 60

    def p_value(seed: int) -> float:
        pair = samples(24, seed=2 * seed), samples(24, seed=2 * seed + 1)
        return float(EnergyDistance(seed, CPU).compare(*pair)["energy"].details["p_value"])

    p_values = sorted(map(p_value, range(count)))
    # Kolmogorov and Smirnov: beyond 1.63 / sqrt(n) lies 1 %.
    assert max(abs(p - (rank + 0.5) / count) for rank, p in enumerate(p_values)) < 1.63 / math.sqrt(count)


@pytest.mark.parametrize(("shift", "scale"), [(0.15, 1.0), (0.0, 0.7)])
def test_another_distribution_is_told_with_a_small_p_value(shift: float, scale: float) -> None:
    real, fake = samples(100), samples(100, seed=1) * scale + shift
    outcome = EnergyDistance(0, CPU).compare(real, fake)["energy"]
    alike = EnergyDistance(0, CPU).compare(real, samples(100, seed=1))["energy"]
    assert outcome.details["p_value"] <= 0.01 < alike.details["p_value"]
    assert outcome.value > alike.value > 0


def test_the_value_does_not_depend_on_the_order_of_the_images() -> None:
    real, fake = samples(40), samples(40, seed=1, shift=0.2)
    value = EnergyDistance(0, CPU).compare(real, fake)["energy"].value
    turned = EnergyDistance(0, CPU).compare(real.flip(0), fake.roll(7, 0))["energy"].value
    assert turned == pytest.approx(value, rel=1e-5)
    assert EnergyDistance(0, CPU).compare(fake, real)["energy"].value == pytest.approx(value, rel=1e-5)


def test_equal_sets_are_at_no_distance() -> None:
    outcome = EnergyDistance(0, CPU).compare(samples(60), samples(60).flip(0))["energy"]
    assert outcome.value == pytest.approx(0, abs=1e-2)
    assert outcome.details == {"p_value": 1.0, "permutations": 999, "dimensions": 16, "projections": 8}


def test_images_of_four_pixels_and_sets_of_single_colours_have_a_value() -> None:
    same = torch.full((20, 12), 0.25)
    outcome = EnergyDistance(0, CPU).compare(same, same)["energy"]
    assert (outcome.value, outcome.details["p_value"], outcome.details["dimensions"]) == (0.0, 1.0, 12)


def test_the_summary_is_the_thumbnails_of_the_images_asked_for() -> None:
    kept = samples(10)
    assert torch.equal(EnergyDistance(0, CPU).summary(kept, slice(2, 6)), kept[2:6])

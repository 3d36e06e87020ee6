import math

import pytest
import torch
from torch import Tensor

from progan.metrics import MetricSpec, parzen
from progan.metrics.evaluator import Evaluator
from progan.metrics.features import FeatureNetwork
from progan.metrics.gathering import Outcome, feed
from progan.metrics.parzen import SIGMAS, ParzenWindow, log_likelihoods
from progan.metrics.real_side import RealSet
from progan.random import generator
from progan.types import DataError

FAMILY = ParzenWindow(torch.device("cpu"))


def drawn(count: int, side: int = 4, seed: int = 0, grey: bool = False) -> Tensor:
    """uint8 N3HH around the middle of the range."""
    shape = (count, 1 if grey else 3, side, side)
    images = torch.randn(shape, generator=generator(seed, "images", count)).mul(40).add(128)
    return images.round().clamp(0, 255).to(torch.uint8).expand(-1, 3, -1, -1)


def compared(real: Tensor, fake: Tensor) -> Outcome:
    summaries = []
    for images in (real, fake):
        gathering = FAMILY.gather(images.shape[-1], len(images), "any")
        feed(gathering, images, batch=8)
        summaries.append(FAMILY.summary(gathering.finish(), slice(0, len(images))))
    return FAMILY.compare(*summaries)["parzen"]


def plain(point: list[float], windows: list[list[float]], sigma: float) -> float:
    """The log of the mean of Gaussian densities, one pixel after the other."""
    total = 0.0
    for window in windows:
        density = 1.0
        for x, g in zip(point, window, strict=True):
            density *= math.exp(-((x - g) ** 2) / (2 * sigma**2)) / math.sqrt(2 * math.pi * sigma**2)
        total += density
    return math.log(total / len(windows))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("grey", [True, False])
def test_value_sigma_and_error_equal_a_plain_double_loop(grey: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parzen, "_DISTANCES_AT_ONCE", 40)  # several blocks, the last one smaller
    real, fake = drawn(21, side=4, grey=grey), drawn(9, side=4, seed=1, grey=grey)
    outcome = compared(real, fake)
    once = slice(0, 1) if grey else slice(0, 3)
    points, windows = (images[:, once].flatten(1).double().div(255).tolist() for images in (real, fake))
    wide = [sigma for sigma in SIGMAS if sigma > 0.05]  # densities of narrower windows are below the smallest number
    sigma = max(wide, key=lambda sigma: mean([plain(point, windows, sigma) for point in points[:3]]))
    values = [plain(point, windows, sigma) for point in points[3:]]
    error = math.sqrt(sum((value - mean(values)) ** 2 for value in values) / 17 / 18)
    assert outcome.value == pytest.approx(mean(values), rel=1e-6)
    assert outcome.details == {
        "sigma": sigma,
        "standard_error": pytest.approx(error, rel=1e-5),
        "validation_images": 3,
        "test_images": 18,
        "dimensions": 16 if grey else 48,
    }


def test_a_single_window_is_a_normal_density() -> None:
    points, window = torch.randn(50, 10, dtype=torch.float64), torch.randn(1, 10, dtype=torch.float64)
    expected = torch.distributions.Normal(window, 0.3).log_prob(points).sum(dim=1)
    torch.testing.assert_close(log_likelihoods(points, window, [0.3])[0], expected)


def test_the_best_sigma_for_normal_data_about_one_window_is_their_deviation() -> None:
    draws = torch.randn(2000, 16, generator=generator(0, "draws", 0), dtype=torch.float64) * SIGMAS[9]
    found = log_likelihoods(draws, torch.zeros(1, 16, dtype=torch.float64), SIGMAS).mean(dim=1)
    assert int(found.argmax()) == 9
    entropy = 16 / 2 * math.log(2 * math.pi * math.e * SIGMAS[9] ** 2)
    assert found[9].item() == pytest.approx(-entropy, abs=0.3)


def test_far_points_and_narrow_windows_have_a_finite_value() -> None:
    found = log_likelihoods(torch.ones(2, 3072).double(), torch.zeros(5, 3072).double(), SIGMAS)
    assert found.isfinite().all()


def test_nearer_images_are_likelier_and_copies_of_the_real_ones_likeliest() -> None:
    real = drawn(60, side=8)
    near, far, copies = drawn(60, side=8, seed=1), drawn(60, side=8, seed=1) // 2, real.flip(0)
    assert compared(real, far).value < compared(real, near).value < compared(real, copies).value
    assert compared(real, copies).details["sigma"] == SIGMAS[0]


def test_grey_is_a_matter_of_every_real_image_and_colour_of_generated_ones_is_averaged() -> None:
    real, painted = drawn(20, grey=True), drawn(20, seed=1)
    assert compared(real, painted).details["dimensions"] == 16
    real = real.clone()
    real[7, 0, 2, 2] ^= 1
    assert compared(real, painted).details["dimensions"] == 48


def test_large_images_are_reduced_to_32_px() -> None:
    real, fake = drawn(20, side=64), drawn(20, side=64, seed=1)
    assert compared(real, fake).details["dimensions"] == 3 * 32**2


def no_network() -> FeatureNetwork:
    raise DataError("no network is needed")


def test_the_floor_is_the_likelihood_of_real_images_under_windows_around_others() -> None:
    real, fake = drawn(60, side=8), drawn(30, side=8, seed=1) // 2
    real_set = RealSet(lambda resolution, start, count: real[start : start + count], len(real), "abc")
    measuring = Evaluator([MetricSpec("parzen", 30, "parzen30")], real_set, 0, "cpu", no_network)
    (record,) = measuring.measure([lambda start, count: fake[start : start + count]], 8)
    assert record["value"] == compared(real[:30], fake).value
    assert record["floor"] == compared(real[:30], real[30:]).value
    assert record["provenance"]["details"]["floor_standard_error"] > 0

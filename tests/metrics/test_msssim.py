import math

import numpy as np
import pytest
import torch
from torch import Tensor

from progan.metrics.gathering import feed
from progan.metrics.msssim import MultiScaleSimilarity, ms_ssim
from progan.random import generator
from progan.types import DataError


def images(count: int, resolution: int, seed: int = 0) -> Tensor:
    drawn = torch.randint(0, 256, (count, 3, resolution, resolution), generator=generator(seed, "images", resolution))
    return torch.nn.functional.avg_pool2d(drawn.float(), 5, 1, 2).round().byte()


def reference_window(size: int) -> np.ndarray:
    sigma = 1.5 * size / 11
    window = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            window[i, j] = math.exp(-((i - (size - 1) / 2) ** 2 + (j - (size - 1) / 2) ** 2) / (2 * sigma**2))
    return window / window.sum()


def reference_ssim(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """(SSIM, contrast factor) of two 3HW images, the means over channels and places."""
    size = min(11, x.shape[1])
    window = reference_window(size)
    similarities, contrasts = [], []
    for c in range(3):
        for i in range(x.shape[1] - size + 1):
            for j in range(x.shape[2] - size + 1):
                a, b = x[c, i : i + size, j : j + size], y[c, i : i + size, j : j + size]
                mean_a, mean_b = (window * a).sum(), (window * b).sum()
                var_a, var_b = (window * a * a).sum() - mean_a**2, (window * b * b).sum() - mean_b**2
                covariance = (window * a * b).sum() - mean_a * mean_b
                contrast = (2 * covariance + (0.03 * 255) ** 2) / (var_a + var_b + (0.03 * 255) ** 2)
                luminance = (2 * mean_a * mean_b + 2.55**2) / (mean_a**2 + mean_b**2 + 2.55**2)
                contrasts.append(contrast)
                similarities.append(luminance * contrast)
    return float(np.mean(similarities)), float(np.mean(contrasts))


def halved(image: np.ndarray) -> np.ndarray:
    odd = image.shape[1] % 2
    image = np.pad(image, ((0, 0), (0, odd), (0, odd)), mode="edge")
    return (image[:, 0::2, 0::2] + image[:, 1::2, 0::2] + image[:, 0::2, 1::2] + image[:, 1::2, 1::2]) / 4


def reference_ms_ssim(x: np.ndarray, y: np.ndarray) -> float:
    product = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        similarity, contrast = reference_ssim(x, y)
        product *= max(0.0, similarity if scale == 4 else contrast) ** weight
        if scale < 4:
            x, y = halved(x), halved(y)
    return product


@pytest.mark.parametrize("resolution", [16, 28, 32])
def test_it_equals_a_plain_rewriting_of_the_published_protocol(resolution: int) -> None:
    first = images(3, resolution)
    second = (0.6 * first.float() + 0.4 * images(3, resolution, seed=1).float()).round().byte()
    expected = [reference_ms_ssim(x, y) for x, y in zip(first.double().numpy(), second.double().numpy(), strict=True)]
    assert min(expected) > 0.01
    assert ms_ssim(first, second).tolist() == pytest.approx(expected, rel=1e-4)


def test_an_image_is_wholly_similar_to_itself() -> None:
    same = images(2, 32)
    assert torch.allclose(ms_ssim(same, same), torch.ones(2), atol=1e-5)


def test_the_value_lies_between_0_and_1_even_for_opposites() -> None:
    first = images(4, 32)
    values = torch.cat((ms_ssim(first, 255 - first), ms_ssim(first, images(4, 32, seed=1))))
    assert torch.all((values >= 0) & (values <= 1))


def test_less_alike_means_less_similar() -> None:
    first, other = images(4, 64), images(4, 64, seed=1).float()
    values = [ms_ssim(first, first.float().lerp(other, share)).mean().item() for share in (0.1, 0.3, 0.6)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("batch", [2, 4, 10])
def test_pairs_are_neighbours_in_the_sequence_whatever_the_batches(batch: int) -> None:
    sequence = images(10, 16)
    family = MultiScaleSimilarity(torch.device("cpu"))
    gathering = family.gather(16, 10, "fake")
    feed(gathering, sequence, batch)
    assert family.summary(gathering.finish(), slice(0, 10)) == pytest.approx(
        ms_ssim(sequence[0::2], sequence[1::2]).mean().item(), rel=1e-5
    )


def test_images_too_small_for_five_scales_are_refused_by_name() -> None:
    with pytest.raises(DataError, match="msssim at 8 px"):
        MultiScaleSimilarity(torch.device("cpu")).gather(8, 2, "fake")

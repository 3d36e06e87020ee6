import math

import numpy as np
import pytest
import torch
from torch import Tensor

from progan.metrics import needed_bytes, of_all
from progan.metrics.gathering import feed
from progan.metrics.sliced_wasserstein import (
    SlicedWasserstein,
    laplacian_pyramid,
    level_resolutions,
    pyramid_down,
    pyramid_up,
)
from progan.random import generator
from progan.types import DataError

CPU = torch.device("cpu")
KERNEL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def noise(count: int, resolution: int, seed: int) -> Tensor:
    return torch.randint(
        0, 256, (count, 3, resolution, resolution), dtype=torch.uint8, generator=generator(seed, "n", 0)
    )


def smooth(count: int, resolution: int, seed: int) -> Tensor:
    coarse = noise(count, resolution // 8, seed).float()
    return torch.nn.functional.interpolate(coarse, size=resolution, mode="bilinear").round().byte()


def summary(images: Tensor, role: str = "fake", batch: int = 5, seed: int = 3) -> dict[int, Tensor]:
    gathering = SlicedWasserstein(seed, CPU).gather(images.shape[-1], len(images), role)
    feed(gathering, images, batch)
    return SlicedWasserstein(seed, CPU).summary(gathering.finish(), slice(0, len(images)))


def distance(real: Tensor, fake: Tensor) -> float:
    return SlicedWasserstein(3, CPU).compare(summary(real, "real"), summary(fake, "fake"))["swd"].value


def mirrored(place: int, size: int) -> int:
    return abs(place) if place < size else 2 * (size - 1) - place


def reference_blur(image: np.ndarray) -> np.ndarray:
    blurred = np.zeros_like(image)
    for c, y, x in np.ndindex(image.shape):
        for i in range(5):
            for j in range(5):
                source = image[c, mirrored(y + i - 2, image.shape[1]), mirrored(x + j - 2, image.shape[2])]
                blurred[c, y, x] += KERNEL[i, j] * source
    return blurred


def reference_levels(image: np.ndarray) -> list[np.ndarray]:
    """The published pyramid of one 3HW image of 32 to 62 px: two levels; of 28 px the image is all of it."""
    if image.shape[1] < 32:
        return [image]
    low = reference_blur(image)[:, ::2, ::2]
    spread = np.zeros_like(image)
    spread[:, ::2, ::2] = low
    return [image - 4 * reference_blur(spread), low]


def reference_descriptors(images: np.ndarray, seed: int, role: str) -> list[np.ndarray]:
    found: list[list[np.ndarray]] = [[] for _ in reference_levels(images[0])]
    for number, image in enumerate(images):
        draws = generator(seed, f"metrics/swd/patches/{role}", number)
        for level, pixels in enumerate(reference_levels(image)):
            for y, x in torch.randint(pixels.shape[1] - 6, (128, 2), generator=draws).tolist():
                found[level].append(pixels[:, y : y + 7, x : x + 7])
    return [normalised(np.stack(patches)) for patches in found]


def normalised(patches: np.ndarray) -> np.ndarray:
    for channel in range(3):
        values = patches[:, channel]
        patches[:, channel] = (values - values.mean()) / values.std()
    return patches.reshape(len(patches), -1)


def reference_distance(real: np.ndarray, fake: np.ndarray, level: int, seed: int) -> float:
    repeats = []
    for repeat in range(4):
        draws = torch.randn(128, 147, generator=generator(seed, f"metrics/swd/directions/{level}", repeat)).numpy()
        differences = []
        for direction in draws.astype(np.float64):
            unit = direction / math.sqrt((direction**2).sum())
            differences.append(np.abs(np.sort(real @ unit) - np.sort(fake @ unit)).mean())
        repeats.append(np.mean(differences))
    return 1e3 * float(np.mean(repeats))


@pytest.mark.parametrize("levels", [(32, 16), (28,), (36, 18)])
def test_it_equals_a_plain_rewriting_of_the_published_protocol(levels: tuple[int, ...]) -> None:
    real, fake = smooth(2, levels[0], 0), noise(2, levels[0], 1)
    outcome = SlicedWasserstein(3, CPU).compare(summary(real, "real"), summary(fake, "fake"))["swd"]
    expected_real = reference_descriptors(real.double().numpy(), 3, "real")
    expected_fake = reference_descriptors(fake.double().numpy(), 3, "fake")
    expected = [
        reference_distance(*sets, level, 3) for *sets, level in zip(expected_real, expected_fake, levels, strict=True)
    ]
    assert list(outcome.details["levels"].values()) == pytest.approx(expected, rel=1e-4)
    assert outcome.value == pytest.approx(sum(expected) / len(levels), rel=1e-4)


@pytest.mark.parametrize("resolution", [64, 72])
def test_the_pyramid_adds_up_to_the_image(resolution: int) -> None:
    images = noise(2, resolution, 0).float()
    levels = laplacian_pyramid(images, 3)
    assert [level.shape[-1] for level in levels] == level_resolutions(resolution)
    restored = levels[-1]
    for level in reversed(levels[:-1]):
        restored = pyramid_up(restored) + level
    assert torch.allclose(restored, images, atol=1e-3)


def test_going_down_and_up_keeps_a_constant_image() -> None:
    images = torch.full((1, 3, 32, 32), 77.0)
    assert torch.equal(pyramid_down(images), images[:, :, :16, :16])
    assert torch.equal(pyramid_up(images[:, :, :16, :16]), images)


def test_the_levels_end_at_16_px_and_smaller_images_are_refused_by_name() -> None:
    assert level_resolutions(16) == [16]
    assert level_resolutions(1024) == [1024, 512, 256, 128, 64, 32, 16]
    assert level_resolutions(70) == [70, 35]
    with pytest.raises(DataError, match="swd at 8 px"):
        level_resolutions(8)


def test_a_set_is_at_distance_zero_from_itself() -> None:
    patches = summary(smooth(4, 32, 0))
    assert SlicedWasserstein(3, CPU).compare(patches, patches)["swd"].value == 0


def test_noise_is_further_from_images_than_other_images_are() -> None:
    floor = distance(smooth(64, 32, 0), smooth(64, 32, 1))
    assert 0 < floor < distance(smooth(64, 32, 0), noise(64, 32, 2)) / 2


def test_the_batches_in_which_images_come_do_not_matter() -> None:
    images = noise(7, 16, 0)
    together, apart = summary(images, batch=7), summary(images, batch=2)
    assert torch.allclose(together[16], apart[16], atol=1e-6)


def test_patches_are_normalised_by_channel() -> None:
    channels = summary(smooth(8, 16, 0))[16].unflatten(1, (3, 49))
    assert torch.allclose(channels.mean(dim=(0, 2)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(channels.std(dim=(0, 2)), torch.ones(3), atol=1e-4)


def test_a_collapsed_generator_has_a_large_and_finite_distance() -> None:
    constant = torch.full((8, 3, 32, 32), 100, dtype=torch.uint8)
    floor = distance(smooth(8, 32, 0), smooth(8, 32, 1))
    assert floor < distance(smooth(8, 32, 0), constant) < math.inf


@pytest.mark.parametrize("resolution", [16, 28, 32, 128])
def test_how_much_memory_two_sets_take_is_known_beforehand(resolution: int) -> None:
    gathering = SlicedWasserstein(0, CPU).gather(resolution, 6, "real")
    feed(gathering, noise(6, resolution, 0), 6)
    size = sum(patches.nbytes for patches in gathering.finish().values())
    spec = of_all("swd", 6, 6)
    assert needed_bytes([spec], resolution) == 2 * size + spec.row.working_bytes

"""Sliced Wasserstein distance between local patches of two image sets, by scale (arXiv 1710.10196, section 5).

Protocol: Laplacian pyramid from the images' resolution down to 16 px, or as far as whole pixels can be halved (72, 36,
18 px; 28 px alone); from every level of every image 128 patches of 7x7x3 at random places; each colour channel of a
level normalised over its set; 4 x 128 random directions; the mean absolute difference of the sorted projections, x
1000, by level and averaged. A channel that is constant over a whole set (a collapsed generator) has no spread to
normalise by and becomes zero, which leaves the distance finite and large.

Memory: 75 kB an image and level for each of the two sets, so 16,384 images take 1.2 GB a level and set: 2 levels at
32 px, 4 at 128 px, 7 at 1024 px. Projections are made a few directions at a time and add at most 0.5 GB.
"""

from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from progan.metrics.gathering import Outcome, pieces
from progan.metrics.precision import published_precision
from progan.random import generator
from progan.types import DataError

SMALLEST_LEVEL = 16  # px
PATCH = 7  # px
PATCHES_PER_IMAGE = 128
REPEATS = 4
DIRECTIONS = 128  # a repeat
_TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_PROJECTIONS_AT_ONCE = 2**25  # numbers: 128 MB for each set
_PATCHES_AT_ONCE = 2**16  # 77 MB in double precision


def level_resolutions(resolution: int) -> list[int]:
    """The pyramid of images of `resolution` px, finest first; DataError below 16 px."""
    if resolution < SMALLEST_LEVEL:
        raise DataError(
            f"swd at {resolution} px: the sliced Wasserstein distance is defined from {SMALLEST_LEVEL} px on; "
            "measure a later snapshot"
        )
    levels = [resolution]
    while levels[-1] % 2 == 0 and levels[-1] // 2 >= SMALLEST_LEVEL:
        levels.append(levels[-1] // 2)
    return levels


def laplacian_pyramid(images: Tensor, levels: int) -> list[Tensor]:
    """Finest first; the last level is the low-pass rest. images: float NCHW; level i is NCHW at H / 2^i."""
    pyramid = [images]
    for _ in range(1, levels):
        low = pyramid_down(pyramid[-1])
        pyramid[-1] = pyramid[-1] - pyramid_up(low)
        pyramid.append(low)
    return pyramid


def pyramid_down(images: Tensor) -> Tensor:
    """Smooth with the 5x5 binomial kernel and keep every second row and column: NCHW -> NC(H/2)(W/2)."""
    return _binomial(images, stride=2)


def pyramid_up(images: Tensor) -> Tensor:
    """Zeros between the pixels, smoothed with four times the binomial kernel: NCHW -> NC(2H)(2W)."""
    n, c, h, w = images.shape
    spread = images.new_zeros(n, c, 2 * h, 2 * w)
    spread[:, :, ::2, ::2] = images
    return 4 * _binomial(spread, stride=1)


def _binomial(images: Tensor, stride: int) -> Tensor:
    """One axis after the other, mirrored at the border without repeating the outermost pixel."""
    h, w = images.shape[2:]
    padded = F.pad(images, (2, 2, 2, 2), mode="reflect")
    rows = _weighted([padded[:, :, i : i + h : stride] for i in range(len(_TAPS))])
    return _weighted([rows[:, :, :, i : i + w : stride] for i in range(len(_TAPS))])


def _weighted(shifted: list[Tensor]) -> Tensor:
    total = _TAPS[0] * shifted[0]
    for tap, values in zip(_TAPS[1:], shifted[1:], strict=True):
        total.add_(values, alpha=tap)
    return total


@dataclass(frozen=True)
class SlicedWasserstein:
    """The family `swd`. Patch places and directions depend only on seed, role, image number, level and repeat."""

    seed: int
    device: torch.device
    view: Hashable = None  # the patches of a set are normalised together, and too large to be kept twice

    def gather(self, resolution: int, images: int, role: str) -> "PatchGathering":
        return PatchGathering(resolution, images, self.seed, f"metrics/swd/patches/{role}", self.device)

    def summary(self, kept: dict[int, Tensor], images: slice) -> dict[int, Tensor]:
        """Level -> descriptors, float32 (images * 128) x 147, each colour channel of mean 0 and deviation 1.

        `kept` is normalised in place.
        """
        patches = slice(images.start * PATCHES_PER_IMAGE, images.stop * PATCHES_PER_IMAGE)
        return {level: normalised(of_all[patches]).flatten(1) for level, of_all in kept.items()}

    def compare(self, real: dict[int, Tensor], fake: dict[int, Tensor]) -> dict[str, Outcome]:
        """Both of equally many images."""
        distances = {
            level: 1e3 * patch_distance(real[level], fake[level], self.seed, level, self.device) for level in real
        }
        average = sum(distances.values()) / len(distances)
        return {"swd": Outcome(average, {"levels": {str(level): distance for level, distance in distances.items()}})}


class PatchGathering:
    """Patches of a set of images, level by level."""

    def __init__(self, resolution: int, images: int, seed: int, stream: str, device: torch.device) -> None:
        self._resolutions = level_resolutions(resolution)
        self._seed, self._stream, self._device = seed, stream, device
        shape = (images * PATCHES_PER_IMAGE, 3, PATCH * PATCH)
        self._patches = {level: torch.empty(shape) for level in self._resolutions}
        self._kept = 0  # images

    def extract(self, first: int, images: Tensor) -> dict[int, Tensor]:
        """images: uint8 N3HW -> level -> patches, float32 (N * 128) x 3 x 49."""
        found: dict[int, list[Tensor]] = {level: [] for level in self._resolutions}
        for piece in pieces(images):
            corners = self._corners(first, len(piece))
            first += len(piece)
            with published_precision(self._device):
                pyramid = laplacian_pyramid(piece.to(self._device).float(), len(self._resolutions))
                for level, image in zip(self._resolutions, pyramid, strict=True):
                    found[level].append(_patches(image, corners[level].to(self._device)).cpu())
        return {level: torch.cat(patches) for level, patches in found.items()}

    def keep(self, first: int, extracted: dict[int, Tensor]) -> None:
        for level, patches in extracted.items():
            self._patches[level][first * PATCHES_PER_IMAGE :][: len(patches)] = patches
        self._kept += len(next(iter(extracted.values()))) // PATCHES_PER_IMAGE

    def finish(self) -> dict[int, Tensor]:
        """Level -> patches, float32 (images * 128) x 3 x 49."""
        assert all(self._kept * PATCHES_PER_IMAGE == len(patches) for patches in self._patches.values())
        return self._patches

    def _corners(self, first: int, count: int) -> dict[int, Tensor]:
        """Level -> the upper left corners (row, column) of the patches of these images, N x 128 x 2.

        A patch lies wholly inside the image, so its centre is at least 3 px from the border.
        """
        corners: dict[int, list[Tensor]] = {level: [] for level in self._resolutions}
        for image in range(first, first + count):
            draws = generator(self._seed, self._stream, image)
            for level, drawn in corners.items():
                drawn.append(torch.randint(level - PATCH + 1, (PATCHES_PER_IMAGE, 2), generator=draws))
        return {level: torch.stack(drawn) for level, drawn in corners.items()}


def _patches(images: Tensor, corners: Tensor) -> Tensor:
    """The 7x7 patches of N3HW whose upper left corners are N x P x 2, as (N * P) x 3 x 49."""
    windows = images.unfold(2, PATCH, 1).unfold(3, PATCH, 1)  # a view: N3(H-6)(W-6) x 7 x 7
    image = torch.arange(len(images), device=images.device)[:, None]
    return windows[image, :, corners[..., 0], corners[..., 1]].flatten(0, 1).flatten(2)


def normalised(patches: Tensor) -> Tensor:
    """Each colour channel of N x 3 x 49 at mean 0 and deviation 1, in place; the moments are summed in float64."""
    count = len(patches) * patches.shape[2]
    some = torch.split(patches, _PATCHES_AT_ONCE)
    mean = torch.stack([piece.double().sum(dim=(0, 2)) for piece in some]).sum(dim=0) / count
    square = torch.stack([piece.double().square().sum(dim=(0, 2)) for piece in some]).sum(dim=0) / count
    deviation = (square - mean.square()).clamp(min=0).sqrt()
    scale = torch.where(deviation > 0, 1 / deviation, 0.0)
    return patches.sub_(mean.float()[:, None]).mul_(scale.float()[:, None])


def patch_distance(first: Tensor, second: Tensor, seed: int, level: int, device: torch.device) -> float:
    """Mean 1-Wasserstein distance over 4 x 128 random directions between equally many descriptors, each N x D."""
    assert first.shape == second.shape, "the sets must hold equally many images"
    first, second = first.to(device), second.to(device)
    at_once = max(1, _PROJECTIONS_AT_ONCE // len(first))
    directions = _directions(first.shape[1], seed, level).to(device)
    with published_precision(device):
        distances = [
            _sorted_rows(some @ first.T).sub_(_sorted_rows(some @ second.T)).abs_().mean(dim=1)
            for some in torch.split(directions, at_once)
        ]
    return float(torch.cat(distances).double().mean())


def _directions(size: int, seed: int, level: int) -> Tensor:
    """512 x size, each of length 1, uniform on the sphere."""
    streams = [generator(seed, f"metrics/swd/directions/{level}", repeat) for repeat in range(REPEATS)]
    drawn = torch.cat([torch.randn(DIRECTIONS, size, generator=draws) for draws in streams])
    return F.normalize(drawn, dim=1)


def _sorted_rows(rows: Tensor) -> Tensor:
    """Sort each row, on the CPU in place: NumPy's vectorised sort without indices takes a fifteenth of torch's time."""
    if rows.device.type != "cpu":
        return rows.sort(dim=1).values
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(np.ndarray.sort, rows.numpy()))
    return rows

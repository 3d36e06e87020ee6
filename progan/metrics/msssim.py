"""Multi-scale structural similarity of pairs of images: how much a generator varies (arXiv 1610.09585; 1710.10196).

The mean over random pairs is high when the images are alike; a healthy generator has the value of real pairs.

Protocol (Wang et al. 2003, as the TensorFlow `compression` code computes it): per colour channel on 0..255, an 11x11
Gaussian window of sigma 1.5 without padding, K1 0.01, K2 0.03; five scales, each the 2x2 average of the one before,
with weights .0448 .2856 .3001 .2363 .1333; means over pixels and channels, cut at 0, then the weighted product.
Where an image at a scale is smaller than the window, the window shrinks to the image and sigma with it. So from
256 px on every scale sees the full window; at 32 px the scales are 32, 16, 8, 4, 2 px and only the first two do; at
28 px they are 28, 14, 7, 4, 2: of an odd side the last row and column count twice. At 16 px the last scale is one
pixel, whose contrast term is 1 and which compares brightness only; below 16 px five scales do not exist. Compare
values of one resolution only.
"""

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from progan.metrics.gathering import Outcome, pieces
from progan.metrics.precision import published_precision
from progan.types import DataError

SMALLEST = 16  # px
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest scale first
_WINDOW, _SIGMA = 11, 1.5  # px
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_GREY = 128.0  # second moments are taken about mid grey, where float32 cancels least


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """Similarity of image n of `first` with image n of `second`: uint8 or float N3HW in [0, 255] -> N in [0, 1]."""
    first, second = first.float() - _GREY, second.float() - _GREY
    product = torch.ones(len(first), device=first.device)
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            first, second = _halved(first), _halved(second)
        similarity, contrast = _ssim(first, second)
        term = similarity if scale == len(WEIGHTS) - 1 else contrast
        product = product * term.clamp(min=0) ** weight
    return product


def _halved(images: Tensor) -> Tensor:
    """The mean of each 2x2 square, at an odd border of what there is of it: NCHW -> NC(H/2)(W/2), rounded up."""
    return F.avg_pool2d(images, 2, ceil_mode=True)


def _ssim(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(SSIM, its contrast and structure factor), each averaged over pixels and channels: N. x, y about mid grey."""
    window = _window(min(_WINDOW, *x.shape[2:]), x.device)
    mean_x, mean_y, xx, yy, xy = _smooth(torch.stack((x, y, x * x, y * y, x * y)), window)
    variances = xx - mean_x**2 + yy - mean_y**2
    contrast = (2 * (xy - mean_x * mean_y) + _C2) / (variances + _C2)
    mean_x, mean_y = mean_x + _GREY, mean_y + _GREY
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return (luminance * contrast).mean(dim=(1, 2, 3)), contrast.mean(dim=(1, 2, 3))


def _window(size: int, device: torch.device) -> Tensor:
    """One axis of the Gaussian window, of sum 1."""
    place = torch.arange(size, device=device) - (size - 1) / 2
    weights = torch.exp(-((place / (_SIGMA * size / _WINDOW)) ** 2) / 2)
    return weights / weights.sum()


def _smooth(maps: Tensor, window: Tensor) -> Tensor:
    """Apply the window along both axes without padding: MNCHW -> MNC(H-k+1)(W-k+1)."""
    planes = maps.flatten(0, 2)[:, None]
    smooth = F.conv2d(F.conv2d(planes, window[None, None, :, None]), window[None, None, None])
    return smooth.reshape(*maps.shape[:3], *smooth.shape[2:])


@dataclass(frozen=True)
class MultiScaleSimilarity:
    """The family `msssim`: images 2n and 2n + 1 of a sequence are a pair, so the sequence must be in random order."""

    device: torch.device
    view: Hashable = "pairs"

    def gather(self, resolution: int, images: int, role: str) -> "PairGathering":
        if resolution < SMALLEST:
            raise DataError(f"msssim at {resolution} px: five scales need {SMALLEST} px; measure a later snapshot")
        return PairGathering(self.device)

    def summary(self, kept: Tensor, images: slice) -> float:
        """The mean over the pairs."""
        return float(kept[images.start // 2 : images.stop // 2].mean())

    def compare(self, real: float | None, fake: float) -> dict[str, Outcome]:
        """The value is the generated pairs' own; the real pairs' value stands beside it as the floor."""
        return {"msssim": Outcome(fake)}


class PairGathering:
    """The similarity of each pair of a set of images."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._similarities: list[Tensor] = []

    def extract(self, first: int, images: Tensor) -> Tensor:
        """images: uint8 N3HW, N even -> N / 2 similarities, float64."""
        assert first % 2 == len(images) % 2 == 0, "pairs need an even number of images"
        with published_precision(self._device):
            pairs = pieces(images.reshape(-1, 2, *images.shape[1:]))
            return torch.cat([ms_ssim(*some.to(self._device).unbind(1)).double().cpu() for some in pairs])

    def keep(self, first: int, extracted: Tensor) -> None:
        self._similarities.append(extracted)

    def finish(self) -> Tensor:
        """The similarity of each pair, float64."""
        return torch.cat(self._similarities)

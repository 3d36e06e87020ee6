"""Whether generated images are as varied as real ones, by their thumbnails: bins that differ, and how far they spread.

Bins (Richardson and Weiss 2018, arXiv 1805.12462): the thumbnails of the real images are divided into 100 bins by
k-means, generated ones go to the bin of the nearest centre, and a bin differs where a two-proportion z-test at level
0.05 says so. The value is the share of bins that differ: near 0.05 for other real images, somewhat more because the
bins were made around the first ones. Bins of fewer than 20 real images on average make a test of no use, so of N real
images there are min(100, N // 20) bins, and at least one.

Beside it stands the effective number of modes, the exponential of the entropy of the bins' shares: so many equally
full bins would be as varied.
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from progan.metrics import kmeans
from progan.metrics.gathering import Outcome
from progan.metrics.precision import published_precision
from progan.metrics.thumbnails import VIEW, ThumbnailGathering
from progan.random import generator

BINS = 100
IMAGES_PER_BIN = 20  # real ones, at least, on average
_DIFFERENT = 1.959964  # standard errors: a two-sided test at level 0.05
_DISTANCES_AT_ONCE = 2**24  # 64 MB


@dataclass(frozen=True)
class Modes:
    """The family `modes`, with the results `ndb` and `spread`."""

    seed: int
    device: torch.device
    view: Hashable = VIEW

    def gather(self, resolution: int, images: int, role: str) -> ThumbnailGathering:
        return ThumbnailGathering(resolution, images, self.device)

    def summary(self, kept: Tensor, images: slice) -> "Crowd":
        return Crowd(kept[images], self.seed, self.device)

    def compare(self, real: "Crowd", fake: "Crowd") -> dict[str, Outcome]:
        expected, found = real.own_counts, real.counts(fake)
        bins = {
            "bins": len(expected),
            "bins_hit": int((found > 0).sum()),
            "effective_modes": effective_modes(found),
            "real_effective_modes": effective_modes(expected),
        }
        return {
            "ndb": Outcome(different_bins(expected, found), bins),
            "spread": Outcome(fake.spread, {"real_spread": real.spread}),
        }


class Crowd:
    """The thumbnails of a set of images; what is costly is worked out when first asked for, once."""

    def __init__(self, thumbnails: Tensor, seed: int, device: torch.device) -> None:
        """thumbnails: N x D."""
        self._thumbnails = thumbnails
        self._seed, self._device = seed, device

    @cached_property
    def spread(self) -> float:
        """The mean Euclidean distance between two of the thumbnails."""
        with published_precision(self._device):
            return mean_distance(self._thumbnails.to(self._device))

    @cached_property
    def own_counts(self) -> Tensor:
        """How many of these images are in each bin that they make."""
        return self.counts(self)

    def counts(self, other: "Crowd") -> Tensor:
        """How many of the other set's images are in each of this set's bins: K, int64."""
        with published_precision(self._device):
            belongs = kmeans.nearest(other._thumbnails.to(self._device), self._centres)
        return torch.bincount(belongs.cpu(), minlength=len(self._centres))

    @cached_property
    def _centres(self) -> Tensor:
        """K x D."""
        count = max(1, min(BINS, len(self._thumbnails) // IMAGES_PER_BIN))
        with published_precision(self._device):
            draws = generator(self._seed, "metrics/modes/bins", 0)
            return kmeans.centres(self._thumbnails.to(self._device), count, draws)


def different_bins(real: Tensor, fake: Tensor) -> float:
    """The share of bins whose shares of the images differ (arXiv 1805.12462, section 3). real, fake: counts, K."""
    pooled = (real + fake).double() / (real.sum() + fake.sum())
    error = (pooled * (1 - pooled) * (1 / real.sum() + 1 / fake.sum())).sqrt()
    difference = real.double() / real.sum() - fake.double() / fake.sum()
    return float((difference.abs() > _DIFFERENT * error).double().mean())


def effective_modes(counts: Tensor) -> float:
    """exp(entropy) of the bins' shares: 1 where all images are in one bin, K where all bins are equally full."""
    shares = counts.double() / counts.sum()
    return math.exp(float(torch.special.entr(shares).sum()))


def mean_distance(points: Tensor) -> float:
    """Between two different ones of N x D points, over all pairs; 0 for a single point. Made a few rows at a time."""
    points = points - points.mean(dim=0)  # about their centre float32 cancels least
    at_once = max(1, _DISTANCES_AT_ONCE // len(points))
    total = 0.0
    for first in range(0, len(points), at_once):
        some = points[first : first + at_once]
        distances = torch.cdist(some, points[first:], compute_mode="use_mm_for_euclid_dist")
        total += float(distances.triu(diagonal=1).sum(dtype=torch.float64))
    return total / max(1, len(points) * (len(points) - 1) / 2)

"""A two-sample test of thumbnails after random projection: could both sets be draws of one distribution?

Each of 8 random projections onto 16 orthonormal directions (Lopes, Jacob and Wainwright 2011, who show that a test
gains power so when dimensions are many and samples few) gives an energy distance (Székely and Rizzo 2013)

    2 E|x - y| - E|x - x'| - E|y - y'|

with means over all pairs, those of an image with itself included: it is never negative, and 0 only for equal sets. The
value is their mean, x 1000. The p-value is the share of divisions of the pooled images, the actual one and 999 random
ones, that give at least as much: under the null hypothesis all divisions are alike, so the test is exact for any
number of images.

Time grows with the square of the images: about 3 s for 2 x 2,000 and a minute for 2 x 10,000 on two cores.
"""

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from progan.metrics.gathering import Outcome
from progan.metrics.precision import published_precision
from progan.metrics.thumbnails import VIEW, ThumbnailGathering
from progan.random import generator

PROJECTIONS = 8
DIMENSIONS = 16
PERMUTATIONS = 999
_DISTANCES_AT_ONCE = 2**21  # 8 MB for each projection


@dataclass(frozen=True)
class EnergyDistance:
    """The family `energy`. Directions depend only on the seed, divisions on the seed and the numbers of images."""

    seed: int
    device: torch.device
    view: Hashable = VIEW

    def gather(self, resolution: int, images: int, role: str) -> ThumbnailGathering:
        return ThumbnailGathering(resolution, images, self.device)

    def summary(self, kept: Tensor, images: slice) -> Tensor:
        """N x D."""
        return kept[images]

    def compare(self, real: Tensor, fake: Tensor) -> dict[str, Outcome]:
        """real: N x D; fake: M x D."""
        directions = projections(real.shape[1], self.seed).to(self.device)
        signs = divisions(len(real), len(fake), self.seed).to(self.device)
        with published_precision(self.device):
            pooled = torch.cat((real, fake)).to(self.device)
            pooled = pooled - pooled.mean(dim=0)  # about their centre float32 cancels least
            actual, *others = energies(pooled @ directions, signs).tolist()
        at_least = sum(other >= actual for other in others)
        details = {
            "p_value": (1 + at_least) / (1 + PERMUTATIONS),
            "permutations": PERMUTATIONS,
            "dimensions": directions.shape[2],
            "projections": PROJECTIONS,
        }
        return {"energy": Outcome(max(0.0, 1e3 * actual), details)}


def projections(size: int, seed: int) -> Tensor:
    """P x size x k: orthonormal columns, uniform over all such; k = min(16, size)."""
    drawn = [
        torch.randn(size, min(DIMENSIONS, size), generator=generator(seed, "metrics/energy/directions", number))
        for number in range(PROJECTIONS)
    ]
    orthonormal: Tensor = torch.linalg.qr(torch.stack(drawn).double()).Q
    return orthonormal.float()


def divisions(real: int, fake: int, seed: int) -> Tensor:
    """Ways to call `real` of the pooled images real and the others generated, a column each: N x (1 + 999).

    A column holds 1 / real and -1 / fake; the first one is the actual division.
    """
    actual = torch.cat((torch.full((real,), 1 / real), torch.full((fake,), -1 / fake)))
    orders = [
        torch.randperm(real + fake, generator=generator(seed, "metrics/energy/divisions", number))
        for number in range(PERMUTATIONS)
    ]
    return torch.stack([actual, *(actual[order] for order in orders)], dim=1)


def energies(points: Tensor, signs: Tensor) -> Tensor:
    """The mean energy distance over the projections, for each division: T, float64.

    points: P x N x k. signs: N x T as `divisions` gives them, s; with the matrix D of distances it is -s'Ds, in which D
    can as well be the mean over the projections. D is made a few rows at a time.
    """
    total = torch.zeros(signs.shape[1], dtype=torch.float64, device=signs.device)
    at_once = max(1, _DISTANCES_AT_ONCE // len(signs))
    for rows in range(0, len(signs), at_once):
        some = slice(rows, rows + at_once)
        distances = torch.cdist(points[:, some], points, compute_mode="use_mm_for_euclid_dist").mean(dim=0)
        total -= (signs[some] * (distances @ signs)).sum(dim=0, dtype=torch.float64)
    return total

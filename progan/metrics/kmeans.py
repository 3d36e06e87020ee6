"""K-means: points divided among centres, the same for the same draws."""

import torch
from torch import Tensor
from torch.nn import functional as F

ROUNDS = 50  # at most: the last ones move few points


def centres(points: Tensor, count: int, draws: torch.Generator) -> Tensor:
    """`count` centres, K x D, of points N x D: k-means++ (Arthur and Vassilvitskii 2007), then Lloyd's rounds.

    A centre that is nearest to no point stays where it is.
    """
    found = _spread_out(points, count, draws)
    belongs = nearest(points, found)
    for _ in range(ROUNDS):
        # A matrix product, because scattered additions come in any order on a GPU.
        members = F.one_hot(belongs, count).to(points.dtype)
        sizes = members.sum(dim=0)[:, None]
        found = torch.where(sizes > 0, members.T @ points / sizes.clamp(min=1), found)
        before, belongs = belongs, nearest(points, found)
        if torch.equal(before, belongs):
            break
    return found


def nearest(points: Tensor, centres: Tensor) -> Tensor:
    """The number of the centre nearest to each point: N, int64."""
    return torch.addmm(centres.square().sum(dim=1), points, centres.T, alpha=-2).argmin(dim=1)


def _spread_out(points: Tensor, count: int, draws: torch.Generator) -> Tensor:
    """Points drawn one after the other, each with the square of its distance to those drawn before as its weight."""
    weights = torch.ones(len(points), dtype=torch.float64)
    chosen: list[int] = []
    for _ in range(count):
        chosen.append(_drawn(weights, draws))
        away = torch.cdist(points, points[chosen[-1:]], compute_mode="donot_use_mm_for_euclid_dist")
        squares = away.flatten().double().square().cpu()
        weights = squares if len(chosen) == 1 else torch.minimum(weights, squares)
    return points[chosen]


def _drawn(weights: Tensor, draws: torch.Generator) -> int:
    """A place, with a probability in proportion to its weight; any place where all weights are 0."""
    sums = weights.cumsum(dim=0)
    at = torch.rand((), dtype=torch.float64, generator=draws) * sums[-1]
    return min(int(torch.searchsorted(sums, at, right=True)), len(weights) - 1)

"""Walks through latent space: latents STEPS x Z, a step a row."""

import torch
from torch import Tensor

from progan.random import generator
from progan.sampling.latents import listed_count, listed_labels
from progan.types import LabelSpace

COLLINEAR_STEP = 0.05
DIRECTION_BOUND = 0.05  # a direction's coordinates are drawn from U(-DIRECTION_BOUND, DIRECTION_BOUND)


def lerp(anchors: Tensor, steps: int, closed: bool = False) -> Tensor:
    """Straight lines from anchor to anchor (NZ), in equal shares of `steps`.

    Open: the first step is the first anchor, the last step the last. Closed: goes on towards the first anchor and ends
    a step before it, so that the walk can be repeated without a break.
    """
    begin, end, share = _legs(anchors, steps, closed)
    return torch.lerp(begin, end, share)


def slerp(anchors: Tensor, steps: int, closed: bool = False) -> Tensor:
    """As `lerp`, along great circles (White 2016, arXiv 1609.04468): latents between keep the length of random ones.

    The length goes evenly from one anchor's to the next one's. Anchors must not be opposite or zero.
    """
    begin, end, share = _legs(anchors, steps, closed)
    lengths = torch.lerp(begin.norm(dim=1, keepdim=True), end.norm(dim=1, keepdim=True), share)
    begin, end = (torch.nn.functional.normalize(leg, dim=1) for leg in (begin, end))
    # atan2 and not acos: exact for anchors that are nearly the same, too.
    angle = 2 * torch.atan2((begin - end).norm(dim=1, keepdim=True), (begin + end).norm(dim=1, keepdim=True))
    # sin(share * angle) / sin(angle), whose limit for equal anchors is the share.
    part, rest = (torch.sinc(s * angle / torch.pi) * s / torch.sinc(angle / torch.pi) for s in (share, 1 - share))
    return lengths * (rest * begin + part * end)


def collinear(steps: int, dim: int, first: int = -1) -> Tensor:
    """Latents with all coordinates equal: `first` * 0.05, then 0.05 more a step."""
    return (COLLINEAR_STEP * torch.arange(first, first + steps)).unsqueeze(1).expand(-1, dim)


def direction(start: Tensor, steps: int, seed: int) -> Tensor:
    """From `start` (Z) on, each step adds the same vector, whose coordinates are drawn from U(-0.05, 0.05)."""
    uniform = torch.rand(len(start), generator=generator(seed, "walk-direction", 0))
    return start + torch.arange(steps).unsqueeze(1) * DIRECTION_BOUND * (2 * uniform - 1)


def class_labels(steps: int, space: LabelSpace) -> Tensor:
    """Labels of a walk through all that are shown, in equal shares of `steps`: a label is whole, so it jumps."""
    return listed_labels(torch.arange(steps) * listed_count(space) // steps, space)


def _legs(anchors: Tensor, steps: int, closed: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Of each step the anchors it lies between (STEPS x Z) and the share of the way it has come (STEPS x 1)."""
    count = len(anchors)
    way = torch.arange(steps) * count / steps if closed else torch.linspace(0, count - 1, steps)
    leg = way.long().clamp(max=count - 1 if closed else max(count - 2, 0))
    return anchors[leg], anchors[(leg + 1) % count], (way - leg).unsqueeze(1).to(anchors.dtype)

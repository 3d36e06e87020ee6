"""The exponential moving average of the generator: what samples, snapshots and metrics use."""

import copy

import torch
from torch import nn


def decay(batch: int, images_seen: int, half_life_kimg: float, ramp_up: float | None) -> float:
    """The factor of the average over `batch` images: 0.5^(batch / half-life).

    `ramp_up`: the half-life is at most this share of `images_seen`, so that the start is forgotten early; None: never.
    """
    half_life = half_life_kimg * 1000
    if ramp_up is not None:
        half_life = min(half_life, ramp_up * images_seen)
    return float(0.5 ** (batch / max(half_life, 1e-8)))


def averaged_copy(network: nn.Module) -> nn.Module:
    """A copy of `network` to hold its average."""
    return copy.deepcopy(network).requires_grad_(False).eval()


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, factor: float) -> None:
    """average <- factor * average + (1 - factor) * network, for parameters; buffers are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - factor)
    for mine, theirs in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(theirs)

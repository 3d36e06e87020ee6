"""Doubling and halving of resolution, as the published recipe does both."""

from torch import Tensor
from torch.nn import functional as F


def upsample(x: Tensor) -> Tensor:
    """NCHW -> NC(2H)(2W), nearest neighbour."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def downsample(x: Tensor) -> Tensor:
    """NCHW -> NC(H/2)(W/2), the mean of each 2x2 square."""
    return F.avg_pool2d(x, 2)

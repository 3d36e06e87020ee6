"""Doubling and halving of resolution, as the published recipe does both.

Next to a 3x3 convolution they fuse with it into one strided convolution with 4x4 taps: the same function up to
rounding, with 4 taps for each pixel of the larger image in place of 9 (official code of arXiv 1710.10196).
"""

from torch import Tensor
from torch.nn import functional as F


def upsample(x: Tensor) -> Tensor:
    """NCHW -> NC(2H)(2W), nearest neighbour."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def downsample(x: Tensor) -> Tensor:
    """NCHW -> NC(H/2)(W/2), the mean of each 2x2 square."""
    return F.avg_pool2d(x, 2)


def upsample_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """conv2d(upsample(x), weight, bias, padding=1) in one step. weight: OI33; NIHW -> NO(2H)(2W)."""
    return F.conv_transpose2d(x, _spread(weight.flip(2, 3)).transpose(0, 1), bias, stride=2, padding=1)


def conv_downsample(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """downsample(conv2d(x, weight, bias, padding=1)) in one step. weight: OI33; NIHW -> NO(H/2)(W/2)."""
    return F.conv2d(x, _spread(weight) / 4, bias, stride=2, padding=1)


def _spread(weight: Tensor) -> Tensor:
    """..33 -> ..44: the sum of the kernel over its four shifts by one tap."""
    padded = F.pad(weight, (1, 1, 1, 1))
    return padded[..., 1:, 1:] + padded[..., :-1, 1:] + padded[..., 1:, :-1] + padded[..., :-1, :-1]

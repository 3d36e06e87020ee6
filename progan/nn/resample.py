"""Doubling and halving of resolution, as the published recipe does both.

Next to a 3x3 convolution they fuse with it into one strided convolution with 4x4 taps: the same function up to
rounding, with 4 taps for each pixel of the larger image in place of 9 (official code of arXiv 1710.10196). On a CPU, in
float32, Winograd's algorithm does with 25 products for 16 such pixels where that pays.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from progan.nn.convolution import conv2d, conv2d_halved, conv2d_of_doubled, conv_transpose2d

# Pixels of the larger image from which a strided convolution is used: below, making the 4x4 taps takes longer than they
# save.
FUSED_FROM = 16


def upsample(x: Tensor) -> Tensor:
    """NCHW -> NC(2H)(2W), nearest neighbour."""
    # On a GPU autocast makes it float32, though it only repeats numbers.
    return F.interpolate(x, scale_factor=2, mode="nearest").to(x.dtype)


def downsample(x: Tensor) -> Tensor:
    """NCHW -> NC(H/2)(W/2), the mean of each 2x2 square."""
    return F.avg_pool2d(x, 2)


def upsample_taps() -> Tensor:
    """(16, 9): what makes the taps of `upsample_conv` of those of a 3x3 kernel."""
    return _shifts(torch.eye(9).view(9, 3, 3).flip(1, 2))


def downsample_taps() -> Tensor:
    """(16, 9): what makes the taps of `conv_downsample` of those of a 3x3 kernel."""
    return _shifts(torch.eye(9).view(9, 3, 3)) / 4


def upsample_conv(x: Tensor, weight: Tensor, scale: float, taps: Tensor, bias: Tensor) -> Tensor | None:
    """conv2d(upsample(x), scale * weight, bias, padding=1) in one step, or None where two take less time.

    taps: of `upsample_taps`; weight: OI33; NIHW -> NO(2H)(2W).
    """
    found = conv2d_of_doubled(x, weight, bias, scale)
    if found is not None or 2 * x.shape[-1] < FUSED_FROM:
        return found
    return conv_transpose2d(x, upsample_kernel(weight, taps * scale), bias, stride=2, padding=1)


def upsample_kernel(weight: Tensor, taps: Tensor) -> Tensor:
    """OI33 -> IO44: the kernel of the transposed convolution of `upsample_conv`, taps being scaled."""
    return _spread(weight, taps, "kt,oti->iko").permute(0, 3, 1, 2)


def conv_downsample(x: Tensor, weight: Tensor, scale: float, taps: Tensor, bias: Tensor) -> Tensor | None:
    """downsample(conv2d(x, scale * weight, bias, padding=1)) in one step, or None where two take less time.

    taps: of `downsample_taps`; weight: OI33; NIHW -> NO(H/2)(W/2).
    """
    found = conv2d_halved(x, weight, bias, scale / 4)
    if found is not None or x.shape[-1] < FUSED_FROM:
        return found
    kernel = _spread(weight, taps * scale, "kt,oti->oki").permute(0, 3, 1, 2)
    return conv2d(x, kernel, bias, stride=2, padding=1)


def _spread(weight: Tensor, taps: Tensor, order: str) -> Tensor:
    """OI33 -> 4x4 taps between the two kinds of channels in `order`: in one product, and in the dtype of the weight.

    With channels innermost nothing is moved for it; sums of shifted and padded weights took four times as long.
    """
    with torch.autocast(weight.device.type, enabled=False):
        spread = torch.einsum(order, taps, weight.permute(0, 2, 3, 1).flatten(1, 2))
    return spread.view(len(spread), 4, 4, -1)


def _shifts(kernels: Tensor) -> Tensor:
    """T33 -> (16, T): each kernel summed over its four shifts by one tap."""
    padded = F.pad(kernels, (1, 1, 1, 1))
    total = padded[..., 1:, 1:] + padded[..., :-1, 1:] + padded[..., 1:, :-1] + padded[..., :-1, :-1]
    return total.flatten(1).t().contiguous()

"""Normalisation layers."""

import torch
from torch import Tensor, nn


def at_least_fp32(x: Tensor) -> Tensor:
    """`x` with the precision statistics need: half precisions become fp32, fp64 stays."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class PixelNorm(nn.Module):
    """x / sqrt(mean over channels of x^2 + 1e-8), at each pixel of NCHW or for each row of NC (section 4.2).

    The mean is taken in fp32 at any precision of x.
    """

    def forward(self, x: Tensor) -> Tensor:
        power = at_least_fp32(x).square().mean(dim=1, keepdim=True)
        return x * torch.rsqrt(power + 1e-8).to(x.dtype)

"""Normalisation layers."""

import torch
from torch import Tensor, nn


class PixelNorm(nn.Module):
    """x / sqrt(mean over channels of x^2 + 1e-8), at each pixel of NCHW or for each row of NC (section 4.2).

    The mean is taken in fp32 at any precision of x.
    """

    def forward(self, x: Tensor) -> Tensor:
        power = x.float().square().mean(dim=1, keepdim=True)
        return x * torch.rsqrt(power + 1e-8).to(x.dtype)

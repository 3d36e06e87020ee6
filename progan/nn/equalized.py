"""Equalized learning rate: weights are N(0, 1) and scaled at run time (arXiv 1710.10196, section 4.1).

Adam's step does not depend on the scale of a gradient, so keeping every stored weight at unit variance and multiplying
it by He's constant in the forward pass gives all layers the same learning speed.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from progan.nn.resample import conv_downsample, upsample_conv

SQRT2 = math.sqrt(2)


class EqualizedLinear(nn.Module):
    """NI -> NO: y = x (w * gain / sqrt(fan_in))^T + b; biases start at 0 and are not scaled."""

    def __init__(self, in_features: int, out_features: int, gain: float = SQRT2, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        self.scale = gain / math.sqrt(in_features)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias)


class EqualizedConv2d(nn.Module):
    """NIHW -> NOHW: a "same" convolution with weights scaled by gain / sqrt(fan_in), fan_in = I * kernel^2.

    `resample`: "up" doubles the images before the convolution, "down" halves them after it (3x3 only).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        gain: float = SQRT2,
        resample: Literal["up", "down"] | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.scale = gain / math.sqrt(in_channels * kernel**2)
        self.padding = kernel // 2
        self.resample = resample

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.scale
        if self.resample == "up":
            return upsample_conv(x, weight, self.bias)
        if self.resample == "down":
            return conv_downsample(x, weight, self.bias)
        return F.conv2d(x, weight, self.bias, padding=self.padding)

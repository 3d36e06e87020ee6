"""Equalized learning rate: weights are N(0, 1) and scaled at run time (arXiv 1710.10196, section 4.1).

Adam's step does not depend on the scale of a gradient, so keeping every stored weight at unit variance and multiplying
it by He's constant in the forward pass gives all layers the same learning speed.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from progan.nn.convolution import conv2d
from progan.nn.resample import conv_downsample, downsample, downsample_taps, upsample, upsample_conv, upsample_taps

SQRT2 = math.sqrt(2)


class EqualizedLinear(nn.Module):
    """NI -> NO: y = x (w * gain / sqrt(fan_in))^T + b; biases start at 0 and are not scaled."""

    def __init__(self, in_features: int, out_features: int, gain: float = SQRT2, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        self.scale = gain / math.sqrt(in_features)

    def forward(self, x: Tensor) -> Tensor:
        x, weight = scaled(x, self.weight, self.scale)
        return F.linear(x, weight, self.bias)


class EqualizedConv2d(nn.Module):
    """NIHW -> NOHW: a "same" convolution with weights scaled by gain / sqrt(fan_in), fan_in = I * kernel^2."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3, gain: float = SQRT2) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.scale = gain / math.sqrt(in_channels * kernel**2)
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        x, weight = scaled(x, self.weight, self.scale)
        return conv2d(x, weight, self.bias, padding=self.padding)


class UpsamplingConv2d(EqualizedConv2d):
    """NIHW -> NO(2H)(2W): doubles the images, then convolves them by 3x3."""

    taps: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        self.register_buffer("taps", upsample_taps(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        fused = upsample_conv(x, self.weight, self.scale, self.taps, self.bias)
        return super().forward(upsample(x)) if fused is None else fused


class DownsamplingConv2d(EqualizedConv2d):
    """NIHW -> NO(H/2)(W/2): convolves the images by 3x3, then halves them."""

    taps: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        self.register_buffer("taps", downsample_taps(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        fused = conv_downsample(x, self.weight, self.scale, self.taps, self.bias)
        return downsample(super().forward(x)) if fused is None else fused


@torch.no_grad()
def unequalize(network: nn.Module) -> None:
    """Let the layers of `network`, as drawn, hold their weights scaled already: He's initial weights, and no more."""
    for layer in network.modules():
        if isinstance(layer, EqualizedLinear | EqualizedConv2d):
            layer.weight.mul_(layer.scale)
            layer.scale = 1.0


def scaled(x: Tensor, weight: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Input and weight of a product of both, the smaller of the two times `scale`."""
    return (x * scale, weight) if x.numel() < weight.numel() else (x, weight * scale)

"""Normalisation layers."""

from collections.abc import Callable
from typing import Any

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
        return _pixel_norm(x)[0]


class _PixelNorm(torch.autograd.Function):
    """x -> (y, r): y = x r, r = rsqrt(mean x^2 + 1e-8). Kept are y, as the next layer does, and r, a number a pixel.

    So dx = r (dy - y mean(dy y)), and less r^2 y / C dr where the derivative itself is differentiated.
    """

    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        exact = torch.promote_types(x.dtype, torch.float32)
        power = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=exact).square() / x.shape[1]
        inverse = torch.rsqrt(power + 1e-8).to(x.dtype)
        return x * inverse, inverse

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(*output)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, by_y: Tensor | None, by_inverse: Tensor | None) -> Tensor | None:
        y, inverse = ctx.saved_tensors
        if by_y is None:
            by_y = torch.zeros_like(y)
        along = (by_y * y).mean(dim=1, keepdim=True, dtype=torch.promote_types(y.dtype, torch.float32))
        if by_inverse is not None:
            along = along + by_inverse * inverse / y.shape[1]
        by_x: Tensor = torch.addcmul(by_y, y, along.to(y.dtype), value=-1) * inverse
        return by_x


_pixel_norm: Callable[[Tensor], tuple[Tensor, Tensor]] = _PixelNorm.apply  # typed, as torch's apply is not


class VirtualBatchNorm(nn.Module):
    """NCHW -> NCHW, the first `reference` samples being a batch that all others refer to (arXiv 1606.03498, 3.5).

    The reference batch is normalised by its own mean and variance of each map; every other sample by those of the
    reference batch and itself together, which count R / (R + 1) and 1 / (R + 1). So no sample depends on another one
    outside the reference, in training mode as in evaluation mode. Then a learned scale and shift. All in fp32 at least.
    """

    def __init__(self, maps: int, reference: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.reference = reference
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(maps))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, x: Tensor) -> Tensor:
        exact = at_least_fp32(x)
        mean, variance = self._moments(exact)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (exact * scale[:, :, None, None] + shift[:, :, None, None]).to(x.dtype)

    def _moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What each sample is normalised by: mean and variance, NC each."""
        others = x[self.reference :]
        variance, mean = torch.var_mean(x[: self.reference], dim=(0, 2, 3), correction=0)
        own_variance, own_mean = torch.var_mean(others, dim=(2, 3), correction=0)
        share = 1 / (self.reference + 1)
        between = share * (1 - share) * (own_mean - mean).square()  # the variance of a mixture has this beside its own
        variances = torch.lerp(variance.expand_as(own_variance), own_variance, share) + between
        means = torch.lerp(mean.expand_as(own_mean), own_mean, share)
        rows = (self.reference, -1)
        return torch.cat([mean.expand(rows), means]), torch.cat([variance.expand(rows), variances])

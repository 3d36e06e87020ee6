"""Convolutions whose second derivatives cost no more than the first ones.

torch's own double backward takes the gradient of the weight as a convolution with a whole image for its kernel, 2 to 20
times slower than the routine for gradients of weights which its first backward calls. Gradient penalties pass
there in every round. A convolution, its gradient by the image and its gradient by the weight are each linear in two
tensors, so the derivatives of any of the three are the other two, and all call the fast routines: torch's, or on a CPU
Winograd's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from progan.nn import winograd
from progan.nn.second_derivatives import own_functions_pay

# On a CPU the gradient of a weight is one matrix product where y has at most so many pixels, times the stride, for each
# of its maps: oneDNN is 1.3 (fp32, 8 px) to 6 times (bf16, 4 px) slower there, where the weights outnumber the pixels.
FEW = 2
# Multiplications below which torch's own functions are faster: calling functions written in Python takes 0.1 to 0.2 ms.
LITTLE = 2**26
Gradients = tuple[Tensor | None, ...]


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0) -> Tensor:
    """torch's conv2d, also under autocast. weight: OIKK; (H + 2 padding - K) must be a multiple of the stride."""
    if _is_torchs(x, x.numel() // x.shape[1] // stride**2 * weight.numel()):
        return F.conv2d(x, weight, bias, stride, padding)
    if any((size + 2 * padding - weight.shape[-1]) % stride for size in x.shape[2:]):
        raise ValueError(f"images of {tuple(x.shape[2:])} leave a rest: not a geometry of these gradients")
    return _convolve(*_cast(x, weight, bias), Strided(weight.shape[-1], stride, padding))


def conv_transpose2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0
) -> Tensor:
    """torch's conv_transpose2d, also under autocast. weight: IOKK."""
    if _is_torchs(x, x.numel() // x.shape[1] * weight.numel()):
        return F.conv_transpose2d(x, weight, bias, stride, padding)
    return _transposed(*_cast(x, weight, bias), Strided(weight.shape[-1], stride, padding))


def conv2d_of_doubled(x: Tensor, weight: Tensor, bias: Tensor, scale: float) -> Tensor | None:
    """conv2d(x with every pixel 2x2 times, scale * weight, bias, padding=1), or None where that does not pay.

    weight: OI33; NIHW -> NO(2H)(2W).
    """
    if not _is_winograds("doubled", x, len(weight)):
        return None
    return _transposed(x, weight.transpose(0, 1), bias, Pooled(scale, mirrored=True))


def conv2d_halved(x: Tensor, weight: Tensor, bias: Tensor, scale: float) -> Tensor | None:
    """Sums of 2x2 pixels of conv2d(x, scale * weight, padding=1), plus bias; None where that does not pay.

    weight: OI33; NIHW -> NO(H/2)(W/2).
    """
    if not _is_winograds("halved", x, len(weight)):
        return None
    return _convolve(x, weight, bias, Pooled(scale, mirrored=False))


def _is_torchs(x: Tensor, multiplications: int) -> bool:
    return multiplications < LITTLE or not own_functions_pay(x.device)


def _is_winograds(kind: winograd.Kind, x: Tensor, maps: int) -> bool:
    """Where it is computed in the dtype that x has."""
    if torch.compiler.is_compiling():
        return False
    return winograd.pays(kind, x, maps) and not torch.is_autocast_enabled(x.device.type)


def _cast(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """In the dtype that autocast gives to convolutions, where it is on."""
    if not torch.is_autocast_enabled(x.device.type):
        return x, weight, bias
    dtype = torch.get_autocast_dtype(x.device.type)
    return x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)


class Geometry(Protocol):
    """Three maps, each linear in two of the tensors x, w and y, and the derivatives of one another."""

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """-> y, plus bias."""
        ...

    def transposed(self, y: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """-> the gradient of y by x, plus bias."""
        ...

    def weight_gradient(self, x: Tensor, y: Tensor) -> Tensor:
        """-> the gradient of y by w."""
        ...


@dataclass(frozen=True)
class Strided:
    """conv2d. w: OIKK."""

    kernel: int
    stride: int
    padding: int

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self._keeps_size and winograd.pays("same", x, weight.shape[0]):
            return _plus(winograd.convolve(x, weight, "same"), bias)
        return torch.conv2d(x, weight, bias, self.stride, self.padding)

    def transposed(self, y: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self._keeps_size and winograd.pays("same", y, weight.shape[1]):
            return _plus(winograd.convolve(y, weight.transpose(0, 1), "same", mirrored=True), bias)
        return torch.conv_transpose2d(y, weight, bias, self.stride, self.padding)

    def weight_gradient(self, x: Tensor, y: Tensor) -> Tensor:
        if self._keeps_size and winograd.pays_for_weights(x, y.shape[1]):
            return winograd.weight_gradient(x, y, "same")
        if x.device.type == "cpu" and y.numel() // y.shape[1] <= FEW * self.stride * y.shape[1]:
            return self._as_one_product(x, y)
        shape = (y.shape[1], x.shape[1], self.kernel, self.kernel)
        alike = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        both, none = [self.stride] * 2, [0, 0]
        found: Tensor = torch.ops.aten.convolution_backward(
            y, x, alike, None, both, [self.padding] * 2, [1, 1], False, none, 1, [False, True, False]
        )[1]
        return found

    def _as_one_product(self, x: Tensor, y: Tensor) -> Tensor:
        """The gradient of the weight, the patches of x laid out as a matrix beside that of y's pixels."""
        padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, *[self.padding] * 4))
        patches = padded.unfold(1, self.kernel, self.stride).unfold(2, self.kernel, self.stride)
        rows = patches.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(0, 2)
        pixels = y.permute(0, 2, 3, 1).flatten(0, 2)
        return (pixels.t() @ rows).view(-1, self.kernel, self.kernel, x.shape[1]).permute(0, 3, 1, 2)

    @property
    def _keeps_size(self) -> bool:
        return (self.kernel, self.stride, self.padding) == (3, 1, 1)


@dataclass(frozen=True)
class Pooled:
    """Sums of 2x2 pixels of conv2d(x, scale * w, padding=1), w being turned by 180 degrees if `mirrored`. w: OI33."""

    scale: float
    mirrored: bool

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return _plus(winograd.convolve(x, weight, "halved", self.mirrored, self.scale), bias)

    def transposed(self, y: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return _plus(winograd.convolve(y, weight.transpose(0, 1), "doubled", not self.mirrored, self.scale), bias)

    def weight_gradient(self, x: Tensor, y: Tensor) -> Tensor:
        return winograd.weight_gradient(x, y, "halved", self.mirrored, self.scale)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    """Of all three: the two tensors they are linear in, and the geometry."""
    ctx.save_for_backward(*inputs[:2])
    ctx.geometry = inputs[-1]


class _Convolution(torch.autograd.Function):
    """(x, w, bias) -> y."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
        return geometry.convolve(x, weight, bias)

    setup_context = staticmethod(_keep)

    @staticmethod
    def backward(ctx: Any, y: Tensor) -> Gradients:
        x, weight = ctx.saved_tensors
        by_x, by_weight, by_bias = ctx.needs_input_grad[:3]
        return (
            _transposed(y, weight, None, ctx.geometry) if by_x else None,
            _weight_gradient(x, y, ctx.geometry) if by_weight else None,
            y.sum(dim=(0, 2, 3)) if by_bias else None,
            None,
        )


class _Transposed(torch.autograd.Function):
    """(y, w, bias) -> x: without the bias what `_Convolution` gives back for x."""

    @staticmethod
    def forward(y: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
        return geometry.transposed(y, weight, bias)

    setup_context = staticmethod(_keep)

    @staticmethod
    def backward(ctx: Any, x: Tensor) -> Gradients:
        y, weight = ctx.saved_tensors
        by_y, by_weight, by_bias = ctx.needs_input_grad[:3]
        return (
            _convolve(x, weight, None, ctx.geometry) if by_y else None,
            _weight_gradient(x, y, ctx.geometry) if by_weight else None,
            x.sum(dim=(0, 2, 3)) if by_bias else None,
            None,
        )


class _WeightGradient(torch.autograd.Function):
    """(x, y) -> w: what `_Convolution` gives back for w."""

    @staticmethod
    def forward(x: Tensor, y: Tensor, geometry: Geometry) -> Tensor:
        return geometry.weight_gradient(x, y)

    setup_context = staticmethod(_keep)

    @staticmethod
    def backward(ctx: Any, weight: Tensor) -> Gradients:
        x, y = ctx.saved_tensors
        by_x, by_y = ctx.needs_input_grad[:2]
        return (
            _transposed(y, weight, None, ctx.geometry) if by_x else None,
            _convolve(x, weight, None, ctx.geometry) if by_y else None,
            None,
        )


def _plus(y: Tensor, bias: Tensor | None) -> Tensor:
    return y if bias is None else y.add_(bias[:, None, None])


# Typed, as torch's apply is not.
_convolve: Callable[[Tensor, Tensor, Tensor | None, Geometry], Tensor] = _Convolution.apply
_transposed: Callable[[Tensor, Tensor, Tensor | None, Geometry], Tensor] = _Transposed.apply
_weight_gradient: Callable[[Tensor, Tensor, Geometry], Tensor] = _WeightGradient.apply

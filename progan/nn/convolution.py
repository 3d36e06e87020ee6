"""Convolutions whose second derivatives cost no more than the first ones.

torch's own double backward takes the gradient of the weight as a convolution with a whole image for its kernel, 2 to 20
times slower than the routine for gradients of weights which its first backward calls. Gradient penalties pass
there in every round. A convolution, its gradient by the image and its gradient by the weight are each linear in two
tensors, so the derivatives of any of the three are the other two, and all call the fast routines: torch's, or on a CPU
those of winograd.py.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from progan.nn import winograd

# On a CPU the gradient of a weight is one matrix product where y has at most so many pixels, times the stride, for each
# of its maps: oneDNN is 1.3 (fp32, 8 px) to 6 times (bf16, 4 px) slower there, where the weights outnumber the pixels.
FEW = 2
# Multiplications below which torch's own functions are faster: calling functions written in Python takes 0.1 to 0.2 ms.
LITTLE = 2**26
Gradients = tuple[Tensor | None, ...]


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0) -> Tensor:
    """torch's conv2d, also under autocast. weight: OIKK; (H + 2 padding - K) must be a multiple of the stride."""
    if _is_torchs(x.numel() // x.shape[1] // stride**2 * weight.numel()):
        return F.conv2d(x, weight, bias, stride, padding)
    if any((size + 2 * padding - weight.shape[-1]) % stride for size in x.shape[2:]):
        raise ValueError(f"images of {tuple(x.shape[2:])} leave a rest: not a geometry of these gradients")
    return _convolve(*_cast(x, weight, bias), stride, padding)


def conv_transpose2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0
) -> Tensor:
    """torch's conv_transpose2d, also under autocast. weight: IOKK."""
    if _is_torchs(x.numel() // x.shape[1] * weight.numel()):
        return F.conv_transpose2d(x, weight, bias, stride, padding)
    return _transposed(*_cast(x, weight, bias), stride, padding)


def _is_torchs(multiplications: int) -> bool:
    """Compilers trace second derivatives through torch's own functions only."""
    return multiplications < LITTLE or torch.compiler.is_compiling()


def _cast(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """In the dtype that autocast gives to convolutions, where it is on."""
    if not torch.is_autocast_enabled(x.device.type):
        return x, weight, bias
    dtype = torch.get_autocast_dtype(x.device.type)
    return x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    """Of all three: the two tensors they are linear in, stride and padding."""
    ctx.save_for_backward(*inputs[:2])
    ctx.stride, ctx.padding = inputs[3:]


class _Convolution(torch.autograd.Function):
    """(x, w, bias) -> y."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        if _is_winograds(x, weight.shape[0], weight.shape[-1], stride, padding):
            return _plus(winograd.convolve(x, weight), bias)
        return torch.conv2d(x, weight, bias, stride, padding)

    setup_context = staticmethod(_keep)

    @staticmethod
    def backward(ctx: Any, y: Tensor) -> Gradients:
        x, weight = ctx.saved_tensors
        by_x, by_weight, by_bias = ctx.needs_input_grad[:3]
        return (
            _transposed(y, weight, None, ctx.stride, ctx.padding) if by_x else None,
            _weight_gradient(x, y, weight.shape[-1], ctx.stride, ctx.padding) if by_weight else None,
            y.sum(dim=(0, 2, 3)) if by_bias else None,
            None,
            None,
        )


class _Transposed(torch.autograd.Function):
    """(y, w, bias) -> x: without the bias what `_Convolution` gives back for x."""

    @staticmethod
    def forward(y: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        if _is_winograds(y, weight.shape[1], weight.shape[-1], stride, padding):
            return _plus(winograd.transposed(y, weight), bias)
        return torch.conv_transpose2d(y, weight, bias, stride, padding)

    setup_context = staticmethod(_keep)

    @staticmethod
    def backward(ctx: Any, x: Tensor) -> Gradients:
        y, weight = ctx.saved_tensors
        by_y, by_weight, by_bias = ctx.needs_input_grad[:3]
        return (
            _convolve(x, weight, None, ctx.stride, ctx.padding) if by_y else None,
            _weight_gradient(x, y, weight.shape[-1], ctx.stride, ctx.padding) if by_weight else None,
            x.sum(dim=(0, 2, 3)) if by_bias else None,
            None,
            None,
        )


class _WeightGradient(torch.autograd.Function):
    """(x, y) -> w: what `_Convolution` gives back for w."""

    @staticmethod
    def forward(x: Tensor, y: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
        if _is_winograds(x, y.shape[1], kernel, stride, padding):
            gradient: Tensor = winograd.weight_gradient(x, y)
            return gradient
        if x.device.type == "cpu" and y.numel() // y.shape[1] <= FEW * stride * y.shape[1]:
            return _as_one_product(x, y, kernel, stride, padding)
        shape = (y.shape[1], x.shape[1], kernel, kernel)
        alike = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        both, none = [stride, stride], [0, 0]
        found: Tensor = torch.ops.aten.convolution_backward(
            y, x, alike, None, both, [padding, padding], [1, 1], False, none, 1, [False, True, False]
        )[1]
        return found

    setup_context = staticmethod(_keep)

    @staticmethod
    def backward(ctx: Any, weight: Tensor) -> Gradients:
        x, y = ctx.saved_tensors
        by_x, by_y = ctx.needs_input_grad[:2]
        return (
            _transposed(y, weight, None, ctx.stride, ctx.padding) if by_x else None,
            _convolve(x, weight, None, ctx.stride, ctx.padding) if by_y else None,
            None,
            None,
            None,
        )


def _is_winograds(x: Tensor, maps: int, kernel: int, stride: int, padding: int) -> bool:
    return (kernel, stride, padding) == (3, 1, 1) and winograd.pays(x, maps)


def _plus(y: Tensor, bias: Tensor | None) -> Tensor:
    return y if bias is None else y.add_(bias[:, None, None])


def _as_one_product(x: Tensor, y: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """The gradient of the weight, the patches of x laid out as a matrix beside that of y's pixels."""
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    patches = (
        padded.unfold(1, kernel, stride).unfold(2, kernel, stride).permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(0, 2)
    )
    pixels = y.permute(0, 2, 3, 1).flatten(0, 2)
    return (pixels.t() @ patches).view(-1, kernel, kernel, x.shape[1]).permute(0, 3, 1, 2)


# Typed, as torch's apply is not.
_convolve: Callable[[Tensor, Tensor, Tensor | None, int, int], Tensor] = _Convolution.apply
_transposed: Callable[[Tensor, Tensor, Tensor | None, int, int], Tensor] = _Transposed.apply
_weight_gradient: Callable[[Tensor, Tensor, int, int, int], Tensor] = _WeightGradient.apply

"""The activation of the progressive networks."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SLOPE = 0.2  # below zero
FEW = 2**20  # numbers below which torch's own function is faster: calling one written in Python takes 0.1 to 0.2 ms


def leaky_relu(x: Tensor) -> Tensor:
    """torch's leaky_relu of slope 0.2; where x is large, one which keeps what it returns and not its input.

    The next layer keeps the same tensor, so a layer's activations are held once. Its second derivative by x is nothing
    instead of zeros that a gradient penalty would add up.
    """
    if x.numel() < FEW or torch.compiler.is_compiling():  # see convolution
        return F.leaky_relu(x, SLOPE)
    return _leaky_relu(x)


class _LeakyRelu(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return F.leaky_relu(x, SLOPE)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _masked(gradient, *ctx.saved_tensors)


class _Masked(torch.autograd.Function):
    """(gradient, y) -> the gradient, times the slope where y is not above zero."""

    @staticmethod
    def forward(gradient: Tensor, y: Tensor) -> Tensor:
        masked: Tensor = torch.ops.aten.leaky_relu_backward(gradient, y, SLOPE, True)
        return masked

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _masked(gradient, *ctx.saved_tensors), None


# Typed, as torch's apply is not.
_leaky_relu: Callable[[Tensor], Tensor] = _LeakyRelu.apply
_masked: Callable[[Tensor, Tensor], Tensor] = _Masked.apply

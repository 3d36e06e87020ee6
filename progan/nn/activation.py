"""The activation of the progressive networks."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from progan.nn.second_derivatives import own_functions_pay

SLOPE = 0.2  # below zero
FEW = 2**20  # numbers below which torch's own function is faster: calling one written in Python takes 0.1 to 0.2 ms


def leaky_relu(x: Tensor) -> Tensor:
    """torch's leaky_relu of slope 0.2, of an x that nothing else needs: on a GPU it is overwritten.

    Either way the result alone is kept, as it is by the next layer: a layer's activations are held once. Where x is
    large and functions of our own pay, the second derivative by x is nothing in place of zeros to be added up.
    """
    if own_functions_pay(x.device):
        return _leaky_relu(x) if x.numel() >= FEW else F.leaky_relu(x, SLOPE)
    return F.leaky_relu(x, SLOPE) if torch.compiler.is_compiling() else F.leaky_relu_(x, SLOPE)


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

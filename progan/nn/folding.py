"""Networks for inference: what is computed from constants at every call is computed once."""

import copy

import torch
from torch import nn

from progan.nn.equalized import EqualizedConv2d, EqualizedLinear, UpsamplingConv2d
from progan.nn.resample import upsample_kernel


@torch.no_grad()
def folded(network: nn.Module) -> nn.Module:
    """A copy that computes the same up to rounding, its scaled layers replaced by torch's own with scaled weights.

    It is in evaluation mode and has no gradients; names of parameters differ.
    """
    network = copy.deepcopy(network).requires_grad_(False).eval()
    _replace_children(network)
    return network


def _replace_children(module: nn.Module) -> None:
    for name, child in module.named_children():
        plain = _plain(child)
        if plain is None:
            _replace_children(child)
        else:
            setattr(module, name, plain.requires_grad_(False).eval())


def _plain(layer: nn.Module) -> nn.Module | None:
    """torch's own layer of the same function; None where there is nothing to fold."""
    if isinstance(layer, EqualizedLinear):
        made: nn.Module = nn.Linear(layer.weight.shape[1], len(layer.weight), bias=layer.bias is not None)
        return _filled(made, layer.weight * layer.scale, layer.bias)
    if isinstance(layer, UpsamplingConv2d):
        outputs, inputs = layer.weight.shape[:2]
        made = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
        return _filled(made, upsample_kernel(layer.weight, layer.taps * layer.scale), layer.bias)
    if type(layer) is EqualizedConv2d:
        outputs, inputs, *kernel = layer.weight.shape
        made = nn.Conv2d(inputs, outputs, kernel[0], padding=layer.padding)
        return _filled(made, layer.weight * layer.scale, layer.bias)
    return None


def _filled(layer: nn.Module, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    layer.to(weight.device)
    layer.weight = nn.Parameter(weight)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone())
    return layer

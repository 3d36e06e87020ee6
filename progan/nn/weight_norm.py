"""Weight normalisation: a unit's weights as a direction times a length (Salimans and Kingma, arXiv 1602.07868)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

_WITH_UNITS = (nn.Linear, nn.Conv2d)
_SMALLEST = 1e-2  # deviation: what hardly varies is not blown up


def normalise_weights(network: nn.Module, learn_lengths: bool = True) -> None:
    """Of every dense layer and convolution of `network` (equation 2). The lengths begin at 1; the directions stay."""
    for layer in [module for module in network.modules() if isinstance(module, _WITH_UNITS)]:
        weight_norm(layer)
        nn.init.ones_(_lengths(layer)).requires_grad_(learn_lengths)


@torch.no_grad()
def standardise(network: nn.Module, *inputs: Tensor) -> None:
    """Set lengths and biases so that units give mean 0 and deviation 1 over the batch `inputs` (section 3).

    Of every layer with normalised weights, one after the other as network(*inputs) goes through them.
    """

    def fit(layer: nn.Module, _: Any, output: Tensor) -> Tensor:
        samples = [0, *range(2, output.dim())]
        deviation, mean = torch.std_mean(output, samples, correction=0, keepdim=True)
        deviation = deviation.clamp(min=_SMALLEST)
        lengths = _lengths(layer)
        lengths.div_(deviation.view_as(lengths))
        if isinstance(layer.bias, Tensor):
            layer.bias.copy_((layer.bias - mean.flatten()) / deviation.flatten())
        return (output - mean) / deviation

    hooks = [layer.register_forward_hook(fit) for layer in network.modules() if _is_normalised(layer)]
    try:
        network(*inputs)
    finally:
        for hook in hooks:
            hook.remove()


def _is_normalised(layer: nn.Module) -> bool:
    return isinstance(layer, _WITH_UNITS) and hasattr(layer, "parametrizations")


def _lengths(layer: Any) -> nn.Parameter:
    """One for each unit: O1, or O111 of a convolution."""
    lengths: nn.Parameter = layer.parametrizations.weight.original0
    return lengths

"""Weights as training begins with them."""

from torch import nn

_WITH_WEIGHTS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def draw_truncated_normal(network: nn.Module, deviation: float, bias: float) -> None:
    """Every dense and convolutional weight from N(0, deviation^2), cut at two deviations; every bias `bias`.

    Drawn from torch's global generator. Layers of normalisation stay as they are.
    """
    for module in network.modules():
        if isinstance(module, _WITH_WEIGHTS):
            nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
            if module.bias is not None:
                nn.init.constant_(module.bias, bias)

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


def draw_he_normal(network: nn.Module, bias: float) -> None:
    """Every dense weight from N(0, 2 / inputs), every bias of a dense layer `bias` (arXiv 1502.01852, equation 10).

    What passes through rectifiers so keeps its size. Drawn from torch's global generator.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.constant_(module.bias, bias)

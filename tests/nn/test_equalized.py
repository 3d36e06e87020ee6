import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from progan.nn import resample
from progan.nn.equalized import DownsamplingConv2d, EqualizedConv2d, EqualizedLinear, UpsamplingConv2d
from progan.nn.resample import downsample, upsample

LAYERS = {"up": UpsamplingConv2d, "down": DownsamplingConv2d}


def test_equalized_convolution_is_torchs_with_scaled_weights() -> None:
    layer = EqualizedConv2d(5, 7, 3)
    nn.init.normal_(layer.bias)
    reference = nn.Conv2d(5, 7, 3, padding=1)
    reference.weight.data = layer.weight.data * math.sqrt(2 / (5 * 9))
    reference.bias.data = layer.bias.data
    for size in (2, 16):  # of fewer numbers than the weights, and of more
        x = torch.randn(2, 5, size, size)
        torch.testing.assert_close(layer(x), reference(x))


def test_equalized_linear_is_torchs_with_scaled_weights_and_an_unscaled_bias() -> None:
    layer = EqualizedLinear(6, 4, gain=1)
    nn.init.normal_(layer.bias)
    for count in (3, 30):
        x = torch.randn(count, 6)
        torch.testing.assert_close(layer(x), F.linear(x, layer.weight / math.sqrt(6), layer.bias))


def test_stored_weights_have_unit_variance_and_biases_start_at_zero() -> None:
    for layer in (EqualizedConv2d(64, 64, 3), EqualizedLinear(256, 128)):
        assert layer.weight.std().item() == pytest.approx(1, abs=0.02)
        assert not layer.bias.any()


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("size", [4, 16], ids=["apart", "fused"])
def test_resampling_layers_equal_resampling_and_convolving_apart_with_all_gradients(direction: str, size: int) -> None:
    layer = LAYERS[direction](3, 5).double()
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 3, size, size, dtype=torch.float64, requires_grad=True)

    def apart(x: torch.Tensor) -> torch.Tensor:
        weight = layer.weight * layer.scale
        if direction == "up":
            return F.conv2d(upsample(x), weight, layer.bias, padding=1)
        return downsample(F.conv2d(x, weight, layer.bias, padding=1))

    fused, plain = layer(x), apart(x)
    torch.testing.assert_close(fused, plain)
    inputs = [x, layer.weight, layer.bias]
    for one, other in zip(
        torch.autograd.grad(fused.square().sum(), inputs),
        torch.autograd.grad(plain.square().sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_fused_resampling_has_correct_second_derivatives(direction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resample, "FUSED_FROM", 4)
    layer = LAYERS[direction](2, 2).double()
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x, w: _with_weight(layer, x, w), (x, layer.weight))


def _with_weight(layer: EqualizedConv2d, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    output: torch.Tensor = torch.func.functional_call(layer, {"weight": weight}, (x,))
    return output.square()

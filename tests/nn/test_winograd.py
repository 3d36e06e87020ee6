import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from progan.nn import convolution, winograd
from progan.nn.convolution import conv2d, conv_transpose2d

SIZES = [(2, 5, 3, 8), (1, 3, 4, 12), (5, 2, 2, 16), (40, 3, 2, 20)]  # images, maps before and after, px


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """For small images too, a few at once."""
    monkeypatch.setattr(convolution, "LITTLE", 0)
    monkeypatch.setattr(winograd, "LEAST_TILES", 0)
    monkeypatch.setattr(winograd, "LEAST_MAPS", 0)
    monkeypatch.setattr(winograd, "TILES_AT_ONCE", 12)


def tensors(images: int, before: int, after: int, px: int, layout: torch.memory_format) -> tuple[Tensor, ...]:
    shapes = (images, before, px, px), (after, before, 3, 3), (after,), (images, after, px, px)
    x, weight, bias, y = (torch.randn(shape, requires_grad=True) for shape in shapes)
    x, weight, y = (one.detach().contiguous(memory_format=layout).requires_grad_() for one in (x, weight, y))
    return x, weight, bias, y


def close(one: Tensor, other: Tensor) -> None:
    assert one.shape == other.shape
    assert (one - other).abs().max() < 3e-5 * other.abs().max()


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("size", SIZES)
def test_convolutions_and_both_gradients_are_those_of_torch(
    size: tuple[int, int, int, int], layout: torch.memory_format
) -> None:
    x, weight, _, y = (one.detach() for one in tensors(*size, layout))
    double = [one.double().requires_grad_() for one in (x, weight)]
    there = F.conv2d(*double, padding=1)
    close(winograd.convolve(x, weight), there.detach())
    by_x, by_weight = torch.autograd.grad(there, double, y.double())
    close(winograd.transposed(y, weight), by_x)
    close(winograd.weight_gradient(x, y), by_weight)


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("transposed", [False, True])
def test_second_derivatives_go_the_same_way(transposed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias, y = tensors(2, 5, 3, 8, torch.channels_last)
    if transposed:
        x, y, bias = y, x, torch.randn(5, requires_grad=True)

    def derivatives() -> list[Tensor]:
        layer = conv_transpose2d if transposed else conv2d
        gradients = torch.autograd.grad(layer(x, weight, bias, 1, 1).pow(3).sum(), (x, weight, bias), create_graph=True)
        penalty = sum(((gradient * (gradient + 1)).sum() for gradient in gradients), torch.zeros(()))
        return [*gradients, *torch.autograd.grad(penalty, (x, weight, bias))]

    by_tiles = derivatives()
    monkeypatch.setattr(winograd, "pays", lambda x, maps: False)
    for one, other in zip(by_tiles, derivatives(), strict=True):
        close(one.detach(), other.detach())


@pytest.mark.parametrize(
    ("x", "maps", "expected"),
    [
        (torch.zeros(4, 128, 16, 16), 128, True),
        (torch.zeros(3, 128, 16, 16), 128, False),  # too few tiles
        (torch.zeros(4, 128, 16, 16), 64, False),  # too few maps
        (torch.zeros(4, 512, 16, 16), 128, True),
        (torch.zeros(64, 128, 7, 7), 128, False),  # does not divide into squares
        (torch.zeros(4, 128, 16, 16, dtype=torch.bfloat16), 128, False),
        (torch.zeros(4, 128, 16, 16, device="meta"), 128, False),
    ],
)
def test_it_pays_for_many_pixels_and_maps(x: Tensor, maps: int, expected: bool) -> None:
    assert winograd.pays(x, maps) is expected


@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_it_pays_for_go_its_way(stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[torch.Size] = []

    def convolve(x: Tensor, weight: Tensor) -> Tensor:
        asked.append(weight.shape)
        return torch.conv2d(x, weight, padding=1)

    monkeypatch.setattr(winograd, "convolve", convolve)
    conv2d(torch.zeros(4, 128, 17 - stride, 17 - stride), torch.zeros(128, 128, 3, 3), None, stride, 1)
    conv2d(torch.zeros(4, 128, 17, 17), torch.zeros(128, 128, 3, 3), None, stride, 1)
    assert len(asked) == (stride == 1)


def test_sums_of_many_maps_keep_their_precision() -> None:
    x, weight, _, y = (one.detach() for one in tensors(4, 256, 256, 16, torch.channels_last))
    close(winograd.convolve(x, weight), F.conv2d(x.double(), weight.double(), padding=1))
    close(winograd.transposed(y, weight), F.conv_transpose2d(y.double(), weight.double(), padding=1))

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from progan.nn import convolution, winograd
from progan.nn.convolution import conv2d, conv_transpose2d
from progan.nn.equalized import DownsamplingConv2d, UpsamplingConv2d
from progan.nn.winograd import Kind, operations, tiles

SIZES = [(2, 5, 3, 8), (1, 3, 4, 12), (5, 2, 2, 16), (40, 3, 2, 20)]  # images, maps before and after, px
PLAIN: dict[Kind, Callable[[Tensor, Tensor], Tensor]] = {
    "same": lambda x, weight: F.conv2d(x, weight, padding=1),
    "halved": lambda x, weight: F.avg_pool2d(F.conv2d(x, weight, padding=1), 2) * 4,
    "doubled": lambda x, weight: F.conv2d(F.interpolate(x, scale_factor=2), weight, padding=1),
}
ERROR = {"same": 3e-5, "halved": 1e-6, "doubled": 1e-6}  # beside the largest value


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """For small images too, a few tiles at once."""
    monkeypatch.setattr(convolution, "LITTLE", 0)
    monkeypatch.setattr(operations, "CONVOLVING", dict.fromkeys(PLAIN, operations.Least(0, 0)))
    monkeypatch.setattr(operations, "LEARNING", operations.Least(0, 0))
    monkeypatch.setattr(tiles, "LARGEST_PLANE", 40)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Once called, it pays nowhere."""

    def refuse() -> None:
        monkeypatch.setattr(operations, "_pays", lambda *_: False)

    return refuse


def tensors(images: int, before: int, after: int, px: int, layout: torch.memory_format) -> tuple[Tensor, ...]:
    shapes = (images, before, px, px), (after, before, 3, 3), (after,), (images, after, px, px)
    x, weight, bias, y = (torch.randn(shape, requires_grad=True) for shape in shapes)
    x, weight, y = (one.detach().contiguous(memory_format=layout).requires_grad_() for one in (x, weight, y))
    return x, weight, bias, y


def close(one: Tensor, other: Tensor, error: float = 3e-5) -> None:
    assert one.shape == other.shape
    assert (one - other).abs().max() < error * other.abs().max()


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", PLAIN)
def test_convolutions_and_their_gradients_by_the_weight_are_those_of_torch(
    kind: Kind, size: tuple[int, int, int, int], mirrored: bool, layout: torch.memory_format
) -> None:
    x, weight, *_ = (one.detach() for one in tensors(*size, layout))
    exact = weight.double().requires_grad_()
    there = 0.3 * PLAIN[kind](x.double(), exact.flip(2, 3) if mirrored else exact)
    close(winograd.convolve(x, weight, kind, mirrored, 0.3), there.detach(), ERROR[kind])
    y = torch.randn(there.shape).contiguous(memory_format=layout)
    (by_weight,) = torch.autograd.grad(there, exact, y.double())
    close(winograd.weight_gradient(x, y, kind, mirrored, 0.3), by_weight, max(ERROR[kind], 1e-5))  # over 16,000 pixels


def derivatives(layer: Callable[..., Tensor], *inputs: Tensor) -> list[Tensor]:
    """First ones, and those of a penalty on them."""
    gradients = torch.autograd.grad(layer(*inputs).pow(3).sum(), inputs, create_graph=True)
    penalty = sum(((gradient * (gradient + 1)).sum() for gradient in gradients), torch.zeros(()))
    return [one.detach() for one in (*gradients, *torch.autograd.grad(penalty, inputs))]


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("transposed", [False, True])
def test_second_derivatives_go_the_same_way(transposed: bool, nowhere: Callable[[], None]) -> None:
    x, weight, bias, y = tensors(2, 5, 3, 8, torch.channels_last)
    if transposed:
        x, y, bias = y, x, torch.randn(5, requires_grad=True)
    layer = conv_transpose2d if transposed else conv2d

    def padded(*inputs: Tensor) -> Tensor:
        return layer(*inputs, 1, 1)

    by_tiles = derivatives(padded, x, weight, bias)
    nowhere()
    for one, other in zip(by_tiles, derivatives(padded, x, weight, bias), strict=True):
        close(one, other)


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("made", [UpsamplingConv2d, DownsamplingConv2d])
def test_layers_that_change_the_resolution_have_the_derivatives_of_strided_ones(
    made: type[UpsamplingConv2d | DownsamplingConv2d], nowhere: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, asked = made(3, 5), []
    convolve = winograd.convolve
    monkeypatch.setattr(
        winograd, "convolve", lambda x, w, kind, *rest: asked.append(kind) or convolve(x, w, kind, *rest)
    )
    x = torch.randn(2, 3, 16, 16, requires_grad=True)

    def run(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        output: Tensor = torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))
        return output

    by_tiles = derivatives(run, x, layer.weight, layer.bias)
    assert set(asked) == {"halved", "doubled"}  # each is what the other gives back
    nowhere()
    del asked[:]
    for one, other in zip(by_tiles, derivatives(run, x, layer.weight, layer.bias), strict=True):
        close(one, other, 1e-5)
    assert not asked


@pytest.mark.parametrize(
    ("kind", "x", "maps", "expected"),
    [
        ("same", torch.zeros(16, 128, 16, 16), 128, True),
        ("same", torch.zeros(15, 128, 16, 16), 128, False),  # too few tiles
        ("same", torch.zeros(16, 128, 16, 16), 64, False),  # too few maps
        ("same", torch.zeros(16, 512, 16, 16), 128, True),
        ("same", torch.zeros(3, 512, 16, 16), 512, False),
        ("same", torch.zeros(64, 128, 7, 7), 128, False),  # does not divide into tiles
        ("same", torch.zeros(16, 128, 16, 16, dtype=torch.bfloat16), 128, False),
        ("same", torch.zeros(16, 128, 16, 16, device="meta"), 128, False),
        ("halved", torch.zeros(8, 128, 16, 16), 128, True),
        ("halved", torch.zeros(7, 128, 16, 16), 128, False),
        ("doubled", torch.zeros(8, 128, 8, 8), 128, True),
        ("doubled", torch.zeros(7, 128, 8, 8), 128, False),
        ("doubled", torch.zeros(64, 128, 7, 8), 128, False),
    ],
)
def test_it_pays_for_many_pixels_and_maps(kind: Kind, x: Tensor, maps: int, expected: bool) -> None:
    assert winograd.pays(kind, x, maps) is expected


def test_gradients_of_weights_pay_for_fewer_maps() -> None:
    x = torch.zeros(16, 64, 16, 16)
    assert winograd.pays_for_weights(x, 64)
    assert not winograd.pays("same", x, 64)
    assert not winograd.pays_for_weights(x[:15], 64)
    assert not winograd.pays_for_weights(x, 32)


@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_it_pays_for_go_its_way(stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[torch.Size] = []

    def convolve(x: Tensor, weight: Tensor, *_: object) -> Tensor:
        asked.append(weight.shape)
        return torch.conv2d(x, weight, padding=1)

    monkeypatch.setattr(winograd, "convolve", convolve)
    conv2d(torch.zeros(16, 128, 17 - stride, 17 - stride), torch.zeros(128, 128, 3, 3), None, stride, 1)
    conv2d(torch.zeros(16, 128, 17, 17), torch.zeros(128, 128, 3, 3), None, stride, 1)
    assert len(asked) == (stride == 1)


@pytest.mark.parametrize("made", [UpsamplingConv2d, DownsamplingConv2d])
def test_half_precisions_leave_changes_of_resolution_to_torch(
    made: type[UpsamplingConv2d | DownsamplingConv2d], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = made(128, 128)
    with monkeypatch.context() as patched, torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        patched.delattr(winograd, "convolve")
        assert layer(torch.zeros(8, 128, 16, 16)).dtype == torch.bfloat16


@pytest.mark.parametrize("kind", PLAIN)
def test_sums_of_many_maps_keep_their_precision(kind: Kind) -> None:
    x, weight, *_ = (one.detach() for one in tensors(4, 256, 256, 16, torch.channels_last))
    close(winograd.convolve(x, weight, kind), PLAIN[kind](x.double(), weight.double()), ERROR[kind])

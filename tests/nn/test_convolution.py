import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from progan.nn import activation, convolution
from progan.nn.activation import leaky_relu
from progan.nn.convolution import conv2d, conv_transpose2d
from progan.nn.norm import PixelNorm
from progan.nn.second_derivatives import own_functions_pay, second_derivatives


@pytest.fixture(autouse=True)
def own_functions_for_small_images_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "LITTLE", 0)
    monkeypatch.setattr(activation, "FEW", 0)


GEOMETRIES = [(3, 1, 1), (4, 2, 1), (1, 1, 0)]  # kernel, stride, padding


def tensors(*shapes: tuple[int, ...]) -> list[Tensor]:
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("maps", [2, 16])  # fewer and more than pixels: gradients of weights are computed in two ways
@pytest.mark.parametrize(("kernel", "stride", "padding"), GEOMETRIES)
def test_convolutions_and_their_derivatives_are_those_of_torch(
    kernel: int, stride: int, padding: int, maps: int
) -> None:
    x, weight, bias = tensors((1, 3, 4, 4), (maps, 3, kernel, kernel), (maps,))
    torch.testing.assert_close(conv2d(x, weight, bias, stride, padding), F.conv2d(x, weight, bias, stride, padding))
    torch.autograd.gradcheck(lambda *a: conv2d(*a, stride, padding), (x, weight, bias))
    torch.autograd.gradgradcheck(lambda *a: conv2d(*a, stride, padding), (x, weight, bias), fast_mode=True)

    weight, bias = tensors((3, maps, kernel, kernel), (maps,))
    there = F.conv_transpose2d(x, weight, bias, stride, padding)
    torch.testing.assert_close(conv_transpose2d(x, weight, bias, stride, padding), there)
    torch.autograd.gradcheck(lambda *a: conv_transpose2d(*a, stride, padding), (x, weight, bias))
    torch.autograd.gradgradcheck(lambda *a: conv_transpose2d(*a, stride, padding), (x, weight, bias), fast_mode=True)


def test_a_gradient_penalty_has_the_derivatives_torchs_own_layers_give() -> None:
    x, first, second = tensors((2, 3, 4, 4), (5, 3, 3, 3), (2, 5, 4, 4))

    def penalty(own: bool) -> tuple[Tensor, ...]:
        def score(images: Tensor) -> Tensor:
            if own:
                return conv2d(leaky_relu(conv2d(images, first, None, 1, 1)), second, None, 2, 1).square().sum()
            hidden = F.leaky_relu(F.conv2d(images, first, padding=1), 0.2)
            return F.conv2d(hidden, second, stride=2, padding=1).square().sum()

        gradient: Tensor = torch.func.grad(score)(x)
        return torch.autograd.grad(gradient.square().sum(), (first, second))

    torch.testing.assert_close(penalty(own=True), penalty(own=False))


def test_on_other_devices_own_functions_serve_second_derivatives_alone() -> None:
    x = torch.ones(2, 3, 4, 4, device="meta")
    weight = torch.ones(5, 3, 3, 3, device="meta", requires_grad=True)
    plain = leaky_relu(conv2d(x, weight))
    assert {"LeakyReluBackward1", "ConvolutionBackward0"} <= _names(plain)
    with second_derivatives():
        assert own_functions_pay(x.device)
        assert "_LeakyReluBackward" in _names(leaky_relu(plain))
    assert not own_functions_pay(x.device)


def _names(result: Tensor) -> set[str]:
    """Of the functions that made it."""
    names, functions = set[str](), [result.grad_fn]
    while functions:
        function = functions.pop()
        if function is not None:
            names.add(function.name())
            functions += [before for before, _ in function.next_functions]
    return names


def test_convolutions_work_in_the_precision_of_autocast() -> None:
    x, weight, bias = (one.detach().float().requires_grad_() for one in tensors((2, 3, 4, 4), (5, 3, 3, 3), (5,)))
    with torch.autocast("cpu", torch.bfloat16):
        found, there = conv2d(x, weight, bias, 1, 1), F.conv2d(x, weight, bias, 1, 1)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, there)
    found.sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_images_that_leave_a_rest_are_refused() -> None:
    with pytest.raises(ValueError, match="rest"):
        conv2d(torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 4, 4), None, 2, 1)


def test_activation_and_pixel_norm_have_exact_first_and_second_derivatives() -> None:
    (x,) = tensors((2, 5, 3, 3))
    for layer in (leaky_relu, PixelNorm()):
        torch.autograd.gradcheck(layer, (x,))
        torch.autograd.gradgradcheck(layer, (x,))


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_gradient_penalty_has_the_same_derivatives() -> None:
    x, first, second = (
        one.detach().float().requires_grad_() for one in tensors((2, 3, 4, 4), (5, 3, 3, 3), (2, 5, 4, 4))
    )

    def penalty(images: Tensor, first: Tensor, second: Tensor) -> Tensor:
        def score(images: Tensor) -> Tensor:
            return conv2d(leaky_relu(conv2d(images, first, None, 1, 1)), second, None, 2, 1).square().sum()

        gradient: Tensor = torch.func.grad(score)(images)
        return gradient.square().sum()

    compiled = torch.compile(penalty, backend="aot_eager", fullgraph=True)
    found, there = (torch.autograd.grad(run(x.detach(), first, second), (first, second)) for run in (compiled, penalty))
    torch.testing.assert_close(found, there, rtol=1e-3, atol=1e-3)

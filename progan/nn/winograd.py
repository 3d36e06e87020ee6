"""3x3 convolutions of a CPU in a quarter of the multiplications (Winograd's; Lavin and Gray, arXiv 1509.09308).

F(4x4, 3x3): images are cut into tiles of 6x6 pixels that overlap by two, and

    y = A' [(G w G') * (B' x B)] A

gives 4x4 pixels of the output, the product * of 6x6 numbers being a matrix product over the maps: 36 multiplications
in place of 144. The rest are sums, which weigh less the more maps there are. Its error is about 1e-5 of the largest
value in float32, where adding up directly leaves 3e-6. Both gradients are of the same kind, and as fast.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

TILE, STEP = 6, 4  # pixels of a tile, and from one to the next
# Where it pays, as measured on one CPU: tiles enough for the transformed weights to be worth their making, and maps
# enough for the products to outweigh the sums.
LEAST_TILES = 64
LEAST_MAPS = 128  # on either side; with fewer on one side, more on the other
TILES_AT_ONCE = 1024  # more only take memory


def _of_both_axes(matrix: list[list[int]], divisor: int = 1) -> Tensor:
    """What the matrix does to rows and to columns, as one matrix for flattened images."""
    one_axis = torch.tensor(matrix, dtype=torch.float64, device="cpu") / divisor
    return torch.kron(one_axis, one_axis).float()


# Interpolation at 0, 1, -1, 2, -2 and infinity; 36 x 36, 36 x 9 and 16 x 36.
OF_TILES = _of_both_axes(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
OF_WEIGHTS = _of_both_axes([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], 24)
OF_PRODUCTS = _of_both_axes([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


def pays(x: Tensor, maps: int) -> bool:
    """Whether for images x NCHW and so many maps of the output, or for those of the output and so many of the input."""
    count, others, height, width = x.shape
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and height % STEP == width % STEP == 0
        and count * height * width >= LEAST_TILES * STEP**2
        and 2 * maps * others >= LEAST_MAPS * (maps + others)
    )


@torch.library.custom_op("progan::winograd_conv2d", mutates_args=())
def convolve(x: Tensor, weight: Tensor) -> Tensor:
    """conv2d(x, weight, padding=1). weight: OI33."""
    return _multiplied(x, (OF_WEIGHTS @ _taps(weight)).permute(1, 2, 0))


@torch.library.custom_op("progan::winograd_conv_transpose2d", mutates_args=())
def transposed(y: Tensor, weight: Tensor) -> Tensor:
    """conv_transpose2d(y, weight, padding=1). weight: OI33, O being the maps of y."""
    return _multiplied(y, (OF_WEIGHTS.flip(1) @ _taps(weight)).transpose(0, 1))


@torch.library.custom_op("progan::winograd_weight_gradient", mutates_args=())
def weight_gradient(x: Tensor, y: Tensor) -> Tensor:
    """The gradient of conv2d(x, weight, padding=1) by the weight OI33, where y is that by its result."""
    found: Tensor | None = None
    size = _images_at_once(x)
    for some, others in zip(torch.split(x, size), torch.split(y, size), strict=True):
        left, right = (OF_PRODUCTS.t() @ _squares(others)).permute(1, 2, 0), (OF_TILES @ _tiles(some)).transpose(0, 1)
        found = torch.bmm(left, right) if found is None else found.baddbmm_(left, right)
    assert found is not None
    taps = OF_WEIGHTS.t() @ found.transpose(0, 1)
    return taps.view(-1, 3, 3, x.shape[1]).permute(0, 3, 1, 2)


@convolve.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return _empty(x, weight.shape[0])


@transposed.register_fake
def _(y: Tensor, weight: Tensor) -> Tensor:
    return _empty(y, weight.shape[1])


@weight_gradient.register_fake
def _(x: Tensor, y: Tensor) -> Tensor:
    return x.new_empty(y.shape[1], 3, 3, x.shape[1]).permute(0, 3, 1, 2)


def _empty(x: Tensor, maps: int) -> Tensor:
    """NCHW with so many maps, the channels innermost."""
    count, _, height, width = x.shape
    return x.new_empty(count, height, width, maps).permute(0, 3, 1, 2)


def _multiplied(x: Tensor, weights: Tensor) -> Tensor:
    """x: NCHW; weights, transformed: 36CO -> NOHW."""
    result = _empty(x, weights.shape[2])
    size = _images_at_once(x)
    for some, there in zip(torch.split(x, size), torch.split(result, size), strict=True):
        products = torch.bmm((OF_TILES @ _tiles(some)).transpose(0, 1), weights)
        squares = _as_squares(there)
        found = (OF_PRODUCTS @ products.flatten(1)).view(STEP, STEP, *squares.shape[:3], -1)
        squares.copy_(found.permute(2, 3, 4, 0, 1, 5))
    return result


def _images_at_once(x: Tensor) -> int:
    return max(1, TILES_AT_ONCE * STEP**2 // (x.shape[2] * x.shape[3]))


def _taps(weight: Tensor) -> Tensor:
    """OI33 -> O9I."""
    return weight.permute(0, 2, 3, 1).flatten(1, 2)


def _tiles(x: Tensor) -> Tensor:
    """NCHW -> T36C, from a pixel outside of the image on."""
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    return padded.unfold(1, TILE, STEP).unfold(2, TILE, STEP).permute(0, 1, 2, 4, 5, 3).flatten(3, 4).flatten(0, 2)


def _as_squares(y: Tensor) -> Tensor:
    """A view of NCHW: N, rows and columns of squares, rows and columns of a square, C."""
    rows_apart = torch.unflatten(y.permute(0, 2, 3, 1), 1, (-1, STEP))
    return torch.unflatten(rows_apart, 3, (-1, STEP)).transpose(2, 3)


def _squares(y: Tensor) -> Tensor:
    """NCHW -> T 16 C, of 4x4 pixels."""
    return _as_squares(y).flatten(3, 4).flatten(0, 2)

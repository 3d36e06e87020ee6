"""What axes.py does along one axis, along both axes of images: in tiles, a band of them at a time."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from progan.nn.winograd.axes import Axis

# Numbers of a plane of products, at most: more do not stay in a processor's cache, far fewer make slow matrix products.
LARGEST_PLANE = 2**17


class Band(NamedTuple):
    """Some rows of tiles of some images."""

    images: slice
    rows: slice

    @property
    def shape(self) -> tuple[int, int]:
        return self.images.stop - self.images.start, self.rows.stop - self.rows.start


def bands(axis: Axis, x: Tensor, outputs: int) -> Iterator[Band]:
    """That hold all tiles of x NIHW: whole images, or rows of one image where it has many.

    outputs: maps of the result.
    """
    images, inputs, height, width = x.shape
    rows, columns = height // axis.step, width // axis.step
    most = max(1, LARGEST_PLANE // max(inputs, outputs))  # tiles
    several, some = max(1, most // (rows * columns)), min(rows, max(1, most // columns))
    for image in range(0, images, several):
        for row in range(0, rows, some):
            yield Band(slice(image, min(images, image + several)), slice(row, min(rows, row + some)))


class Workspace:
    """Memory that each band writes over anew."""

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}

    def planes(self, name: str, *shape: int) -> Tensor:
        """float32, with any contents."""
        size = math.prod(shape)
        if name not in self._held or self._held[name].numel() < size:
            self._held[name] = torch.empty(size, dtype=torch.float32, device="cpu")
        return self._held[name][:size].view(shape)


def empty_result(axis: Axis, x: Tensor, outputs: int) -> Tensor:
    """Of `convolve`, with any contents: NO(H')(W'), the channels innermost."""
    count, _, height, width = x.shape
    made, step = axis.made, axis.step
    return x.new_empty(count, height // step * made, width // step * made, outputs).permute(0, 3, 1, 2)


def convolve(axis: Axis, x: Tensor, weight: Tensor, factor: Tensor) -> Tensor:
    """x: NIHW; weight: OI33; factor: of `weight_factor` -> NO(H')(W'), the channels innermost."""
    outputs, inputs = weight.shape[:2]
    taps = weight.permute(2, 3, 0, 1).reshape(9, -1)
    # In several tensors: a single one is so large that the system would be asked for it at each call.
    factors = [(some @ taps).view(-1, outputs, inputs).transpose(1, 2) for some in torch.split(factor, axis.products)]
    y = empty_result(axis, x, outputs)
    space = Workspace()
    for band in bands(axis, x, outputs):
        squares = _squares(y, band, axis.made)
        products = space.planes("products", axis.products, axis.products, *squares.shape[2:])
        for left, right, result in zip(_of_input(axis, x, band, space), factors, products, strict=True):
            torch.bmm(left.flatten(1, -2), right, out=result.flatten(1, -2))
        halfway = space.planes("halfway", axis.made, axis.products, *squares.shape[2:])
        axis.of_products(products.unbind(0), halfway.unbind(0))
        axis.of_products(halfway.unbind(1), squares.unbind(1))
    return y


def weight_gradient(axis: Axis, x: Tensor, y: Tensor, factor: Tensor) -> Tensor:
    """The gradient of `convolve` by the weight, OI33, where y is that by its result."""
    inputs, outputs, pairs = x.shape[1], y.shape[1], axis.products**2
    space = Workspace()
    found = x.new_empty(0)
    for band in bands(axis, x, outputs):
        right = _of_input(axis, x, band, space).view(pairs, -1, inputs)
        squares = _squares(y, band, axis.made)
        halfway = space.planes("halfway", axis.products, *squares.shape[1:])
        planes = space.planes("gradient", axis.products, axis.products, *squares.shape[2:])
        axis.of_gradient(squares.unbind(0), halfway.unbind(0))
        axis.of_gradient(halfway.unbind(1), planes.unbind(1))
        left = planes.view(pairs, -1, outputs).transpose(1, 2)
        found = found.baddbmm_(left, right) if found.numel() else torch.bmm(left, right)
    taps = (factor.t() @ found.flatten(1)).view(9, outputs, inputs).transpose(0, 1).contiguous()
    return taps.view(outputs, 3, 3, inputs).permute(0, 3, 1, 2)


def weight_factor(axis: Axis, mirrored: bool, scale: float) -> Tensor:
    """(products^2, 9): what makes the factors of the products of the 9 taps, which are read backwards if `mirrored`."""
    both = torch.kron(axis.of_weight, axis.of_weight) * scale
    return (both.flip(1) if mirrored else both).float()


def _of_input(axis: Axis, x: Tensor, band: Band, space: Workspace) -> Tensor:
    """NIHW -> products twice; images, rows and columns of the band's tiles, I."""
    step, (images, rows) = axis.step, band.shape
    padded = _with_border(x, band, step)
    width, maps = padded.shape[2:]
    columns = (width - 2) // step
    halfway = space.planes("halfway", axis.products, images, rows, width, maps)
    planes = space.planes("input", axis.products, axis.products, images, rows, columns, maps)
    last_row, last_column = step * rows - step + 1, step * columns - step + 1
    axis.of_input([padded[:, k : k + last_row : step] for k in range(step + 2)], halfway.unbind(0))
    axis.of_input([halfway[:, :, :, k : k + last_column : step] for k in range(step + 2)], planes.unbind(1))
    return planes


def _with_border(x: Tensor, band: Band, step: int) -> Tensor:
    """Pixels of the band's tiles and one more on each side, which is 0 beyond the image: NHWC."""
    first, last = step * band.rows.start - 1, step * band.rows.stop + 1
    inside = x.permute(0, 2, 3, 1)[band.images, max(first, 0) : min(last, x.shape[2])]
    return F.pad(inside, (0, 0, 1, 1, int(first < 0), int(last > x.shape[2])))


def _squares(y: Tensor, band: Band, size: int) -> Tensor:
    """A view of NCHW: rows and columns of a square; images, rows and columns of squares, C."""
    rows = y.permute(0, 2, 3, 1)[band.images, size * band.rows.start : size * band.rows.stop]
    apart = torch.unflatten(torch.unflatten(rows, 1, (-1, size)), 3, (-1, size))
    return apart.permute(2, 4, 0, 1, 3, 5)

"""Convolutions of three taps along one axis, in fewer multiplications than taps.

All are of one form (y = A' [(G w) * (B' x)]): sums of pixels x, each times a sum of taps w, and sums of these products.
Along both axes every product is one of all pairs, and a matrix product over the maps. Each sum is an operation on whole
planes, written into the planes that are given; those of products may be overwritten.

    same      y = conv(x)             6 products for 4 pixels of y, where there were 12: F(4, 3) of arXiv 1509.09308
    halved    y = sums of two of conv(x)       5 for 2, where there were 12, or 8 with a stride of 2
    doubled   y = conv(x, every pixel twice)   5 for 4, where there were 12, or 8 with a stride of 2

The last two need no other factors than 1 and 1/2, so their results are as exact as those of adding up directly; `same`
is off by about 1e-5 of the largest value in float32, where adding up directly leaves 3e-6.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, add, sub

Planes = Sequence[Tensor]
Sums = Callable[[Planes, Planes], None]  # planes read, planes written


class Axis(NamedTuple):
    """How tiles of `step` + 2 pixels of x, `step` apart, give `made` pixels of y by so many products."""

    products: int
    step: int
    made: int
    of_input: Sums  # step + 2 planes of x, from one before the tile on -> a plane a product
    of_products: Sums  # a plane a product -> `made` planes of y
    of_gradient: Sums  # what `of_products` is transposed: `made` planes -> a plane a product
    of_weight: Tensor  # (products, 3)


def _same_of_input(x: Planes, to: Planes) -> None:
    """Interpolation at 0, 1, -1, 2, -2 and infinity."""
    sub(x[4], x[2], alpha=4, out=to[1])
    sub(x[3], x[1], alpha=4, out=to[0])
    sub(to[1], to[0], out=to[2])
    to[1].add_(to[0])  # x4 - 4 x2 + (x3 - 4 x1), which the plane after it has less
    sub(x[4], x[2], out=to[0])
    sub(x[3], x[1], out=to[5])
    add(to[0], to[5], alpha=2, out=to[3])
    sub(to[0], to[5], alpha=2, out=to[4])
    to[0].add_(x[0], alpha=4).sub_(x[2], alpha=4)  # 4 x0 - 5 x2 + x4
    to[5].mul_(-4).add_(x[5]).sub_(x[3])  # 4 x1 - 5 x3 + x5


def _same_of_products(m: Planes, y: Planes) -> None:
    sub(m[1], m[2], out=y[1])
    m[1].add_(m[2])
    sub(m[3], m[4], out=y[2])
    m[3].add_(m[4])
    add(y[1], y[2], alpha=8, out=y[3])
    y[3].add_(m[5])  # m1 - m2 + 8 (m3 - m4) + m5
    y[1].add_(y[2], alpha=2)  # m1 - m2 + 2 (m3 - m4)
    add(m[1], m[3], alpha=4, out=y[2])  # m1 + m2 + 4 (m3 + m4)
    add(m[0], m[1], out=y[0])
    y[0].add_(m[3])  # m0 + m1 + m2 + m3 + m4


def _same_of_gradient(y: Planes, to: Planes) -> None:
    add(y[0], y[2], out=to[1])
    add(y[1], y[3], out=to[3])
    sub(to[1], to[3], out=to[2])
    to[1].add_(to[3])
    add(y[0], y[2], alpha=4, out=to[3])
    add(y[1], y[3], alpha=4, out=to[5])
    sub(to[3], to[5], alpha=2, out=to[4])
    to[3].add_(to[5], alpha=2)  # y0 + 2 y1 + 4 y2 + 8 y3
    to[0].copy_(y[0])
    to[5].copy_(y[3])


def _halved_of_input(x: Planes, to: Planes) -> None:
    """y0 = w0 c0 + w1 c1 + w2 c2 and y1 = w0 c2 + w1 c3 + w2 c4 of sums c of two pixels: w0 and w2 share c2."""
    add(x[2], x[3], out=to[1])
    add(x[1], x[2], out=to[3])
    add(x[3], x[4], out=to[4])
    add(x[0], x[1], out=to[0])
    to[0].sub_(to[1])
    add(x[4], x[5], out=to[2])
    to[2].sub_(to[1])


def _halved_of_products(m: Planes, y: Planes) -> None:
    add(m[0], m[1], out=y[0])
    y[0].add_(m[3])
    add(m[1], m[2], out=y[1])
    y[1].add_(m[4])


def _halved_of_gradient(y: Planes, to: Planes) -> None:
    add(y[0], y[1], out=to[1])
    for product, pixel in ((0, 0), (3, 0), (2, 1), (4, 1)):
        to[product].copy_(y[pixel])


def _doubled_of_input(x: Planes, to: Planes) -> None:
    """Of the two pixels of a tile, b and c, their sum and difference, and differences with those beside it."""
    add(x[1], x[2], out=to[0])
    sub(x[1], x[2], out=to[1])
    to[2].copy_(to[1])
    sub(x[0], x[2], out=to[3])
    sub(x[1], x[3], out=to[4])


def _doubled_of_products(m: Planes, y: Planes) -> None:
    add(m[0], m[1], out=y[1])
    add(m[0], m[2], out=y[2])
    sub(m[0], m[1], out=y[3])
    y[3].sub_(m[4])
    sub(m[0], m[2], out=y[0])
    y[0].add_(m[3])


def _doubled_of_gradient(y: Planes, to: Planes) -> None:
    add(y[0], y[1], out=to[0])
    to[0].add_(y[2]).add_(y[3])
    sub(y[1], y[3], out=to[1])
    sub(y[2], y[0], out=to[2])
    to[3].copy_(y[0])
    torch.neg(y[3], out=to[4])


def _matrix(rows: list[list[int]], divisor: int = 1) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64, device="cpu") / divisor


Kind = Literal["same", "halved", "doubled"]
AXES: dict[str, Axis] = {
    "same": Axis(
        products=6,
        step=4,
        made=4,
        of_input=_same_of_input,
        of_products=_same_of_products,
        of_gradient=_same_of_gradient,
        of_weight=_matrix([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], 24),
    ),
    "halved": Axis(
        products=5,
        step=4,
        made=2,
        of_input=_halved_of_input,
        of_products=_halved_of_products,
        of_gradient=_halved_of_gradient,
        of_weight=_matrix([[1, 0, 0], [1, 0, 1], [0, 0, 1], [0, 1, 0], [0, 1, 0]]),
    ),
    "doubled": Axis(
        products=5,
        step=2,
        made=4,
        of_input=_doubled_of_input,
        of_products=_doubled_of_products,
        of_gradient=_doubled_of_gradient,
        of_weight=_matrix([[1, 1, 1], [1, 1, -1], [1, -1, -1], [2, 0, 0], [0, 0, 2]], 2),
    ),
}

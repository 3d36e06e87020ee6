"""Winograd's convolutions as operations of torch, which can be counted without computing them; and where they pay."""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from progan.nn.winograd import tiles
from progan.nn.winograd.axes import AXES, Kind


class Least(NamedTuple):
    """From where it pays, as measured on a CPU (benchmarks/NOTES.md): sums are as many for few maps as for many."""

    maps: int  # on either side; with fewer on one side, more on the other
    numbers: int  # tiles times maps: making the factors of the products takes as long for one tile as for many
    tiles: int = 1


CONVOLVING = {"same": Least(128, 2**15, 64), "halved": Least(80, 2**14), "doubled": Least(80, 2**14)}
LEARNING = Least(64, 2**14, 64)  # gradients of weights, of "same"


def pays(kind: Kind, x: Tensor, maps: int) -> bool:
    """Whether `convolve` does, with its gradients if it changes the size, for images x NCHW and so many maps of y."""
    return _pays(kind, x, maps, CONVOLVING[kind])


def pays_for_weights(x: Tensor, maps: int) -> bool:
    """Whether `weight_gradient` of "same" does for images x NCHW and so many maps of y."""
    return _pays("same", x, maps, LEARNING)


def _pays(kind: Kind, x: Tensor, maps: int, least: Least) -> bool:
    count, others, height, width = x.shape
    step = AXES[kind].step
    if x.device.type != "cpu" or x.dtype != torch.float32 or height % step or width % step:
        return False
    count_of_tiles, mean = count * height * width // step**2, 2 * maps * others / (maps + others)
    return mean >= least.maps and count_of_tiles >= least.tiles and count_of_tiles * mean >= least.numbers


@torch.library.custom_op("progan::winograd_convolve", mutates_args=())
def _convolve(x: Tensor, weight: Tensor, kind: str, mirrored: bool, scale: float) -> Tensor:
    return tiles.convolve(AXES[kind], x, weight, _factor(kind, mirrored, scale))


@torch.library.custom_op("progan::winograd_weight_gradient", mutates_args=())
def _weight_gradient(x: Tensor, y: Tensor, kind: str, mirrored: bool, scale: float) -> Tensor:
    return tiles.weight_gradient(AXES[kind], x, y, _factor(kind, mirrored, scale))


@_convolve.register_fake
def _(x: Tensor, weight: Tensor, kind: str, mirrored: bool, scale: float) -> Tensor:
    return tiles.empty_result(AXES[kind], x, len(weight))


@_weight_gradient.register_fake
def _(x: Tensor, y: Tensor, kind: str, mirrored: bool, scale: float) -> Tensor:
    return x.new_empty(y.shape[1], 3, 3, x.shape[1]).permute(0, 3, 1, 2)


def convolve(x: Tensor, weight: Tensor, kind: Kind, mirrored: bool = False, scale: float = 1.0) -> Tensor:
    """scale * conv2d(x, weight, padding=1), "halved" to sums of 2x2 pixels, or of x "doubled": every pixel 2x2 times.

    x: NIHW in float32; weight: OI33, turned by 180 degrees if `mirrored` -> NOHW, or a half or the double of its size.
    """
    made: Tensor = _convolve(x, weight, kind, mirrored, scale)
    return made


def weight_gradient(x: Tensor, y: Tensor, kind: Kind, mirrored: bool = False, scale: float = 1.0) -> Tensor:
    """The gradient of `convolve` by the weight OI33, where y is that by its result."""
    gradient: Tensor = _weight_gradient(x, y, kind, mirrored, scale)
    return gradient


@cache
def _factor(kind: str, mirrored: bool, scale: float) -> Tensor:
    return tiles.weight_factor(AXES[kind], mirrored, scale)

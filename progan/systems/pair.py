"""A generator and a discriminator made for each other: what the systems that do not grow are built of."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from progan.types import LatentSpace


class Pair(NamedTuple):
    """Two networks, and what the engine must know of their layers; see `System`."""

    generator: nn.Module
    discriminator: nn.Module
    joint: bool = True
    calibrate: Callable[[Tensor], None] | None = None


class Shape(NamedTuple):
    """What a pair must fit."""

    resolution: int  # pixels
    latents: LatentSpace
    given_generator: int = 0  # classes whose label it is given
    given_discriminator: int = 0
    classes: int = 0  # classes the discriminator tells apart
    from_classes: bool = False  # its score is made of the class logits; see `Head`

"""A generator and a discriminator made for each other: what the systems that do not grow are built of."""

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field
from torch import Tensor, nn

from progan.config import Settings
from progan.types import LatentSpace


class Pair(NamedTuple):
    """Two networks, and what the engine must know of their layers; see `System`."""

    generator: nn.Module
    discriminator: nn.Module
    joint: bool = True
    indivisible: bool = False
    calibrate: Callable[[Tensor], None] | None = None


class Shape(NamedTuple):
    """What a pair must fit."""

    resolution: int  # pixels
    latents: LatentSpace
    given_generator: int = 0  # classes whose label it is given
    given_discriminator: int = 0
    classes: int = 0  # classes the discriminator tells apart
    from_classes: bool = False  # its score is made of the class logits; see `Head`


class PairConfig(Settings):
    """What the settings of every system built of a pair begin with."""

    grows: ClassVar[bool] = False
    name: str
    latent_dim: Annotated[int, Field(ge=1)] = 100
    latents: Literal["normal", "uniform"] = "uniform"  # N(0, 1) or U(-1, 1), each coordinate

    @property
    def latent_space(self) -> LatentSpace:
        return LatentSpace(self.latent_dim, self.latents)

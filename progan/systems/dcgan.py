"""DCGAN (Radford et al. 2016, arXiv 1511.06434): strided convolutions, the non-saturating loss."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from progan.config import Settings, unless_named
from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator
from progan.losses.objective import Objective, Weighted
from progan.systems.convolutional import ConvolutionalNetworks
from progan.systems.dense import DenseNetworks
from progan.systems.pair import Shape
from progan.systems.system import System
from progan.types import DataSpec, LatentSpace

Networks = Annotated[
    ConvolutionalNetworks | DenseNetworks, Field(discriminator="name"), unless_named("convolutional")
]


class DcganConfig(Settings):
    """The defaults are those of digits of 28 px: two steps of the generator for each of the discriminator."""

    grows: ClassVar[bool] = False
    name: Literal["dcgan"] = "dcgan"
    latent_dim: Annotated[int, Field(ge=1)] = 100
    latents: Literal["normal", "uniform"] = "uniform"
    networks: Networks = ConvolutionalNetworks()
    generator_steps: Annotated[int, Field(ge=1)] = 2  # after each of the discriminator, on latents of their own


def build(config: DcganConfig, data: DataSpec, resolution: int) -> System:
    """Labels are not looked at. ConfigError where the networks do not fit the resolution."""
    pair = config.networks.build(Shape(resolution, config.latent_dim))
    return System(
        **pair._asdict(),
        objectives={
            "discriminator": Objective([Weighted("logistic", LogisticDiscriminator())]),
            "generator": Objective([Weighted("logistic", LogisticGenerator())]),
        },
        resolution=resolution,
        latents=LatentSpace(config.latent_dim, config.latents),
        order=("discriminator", *["generator"] * config.generator_steps),
    )

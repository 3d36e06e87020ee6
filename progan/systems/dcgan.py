"""DCGAN (Radford et al. 2016, arXiv 1511.06434): strided convolutions, the non-saturating loss.

With it the techniques of Salimans et al. 2016 (arXiv 1606.03498, section 3), each by itself or together.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from progan.config import unless_named
from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator
from progan.losses.auxiliary import FeatureMatching
from progan.losses.history import HistoricalAverage
from progan.losses.objective import Objective, Weighted
from progan.systems.convolutional import ConvolutionalNetworks
from progan.systems.networks import Networks
from progan.systems.pair import PairConfig, Shape
from progan.systems.system import Role, System
from progan.types import DataSpec

NotNegative = Annotated[float, Field(ge=0)]


class DcganConfig(PairConfig):
    """The defaults are those of digits of 28 px: two steps of the generator for each of the discriminator."""

    name: Literal["dcgan"] = "dcgan"
    networks: Annotated[Networks, unless_named("convolutional")] = ConvolutionalNetworks()
    generator_steps: Annotated[int, Field(ge=1)] = 2  # after each of the discriminator, on latents of their own
    # Improved techniques (arXiv 1606.03498). Two more are settings of the networks: norm, minibatch_kernels.
    real_target: Annotated[float, Field(gt=0.5, le=1)] = 1.0  # of D on real images; below 1: one-sided label smoothing
    logistic_weight: NotNegative = 1.0  # of the game itself in the generator's loss
    feature_matching_weight: NotNegative = 0.0  # in the generator's loss; alone where logistic_weight is 0
    history_weight: NotNegative = 0.0  # of historical averaging in the loss of each player

    @model_validator(mode="after")
    def _generator_learns(self) -> "DcganConfig":
        if not self.logistic_weight and not self.feature_matching_weight:
            raise ValueError("logistic_weight and feature_matching_weight are both 0; the generator needs one of them")
        return self


def build(config: DcganConfig, data: DataSpec, resolution: int) -> System:
    """Labels are not looked at. ConfigError where the networks do not fit the resolution."""
    pair = config.networks.build(Shape(resolution, config.latent_space))
    steps: list[Role] = ["generator"] * config.generator_steps
    if config.feature_matching_weight:
        pair = pair._replace(indivisible=True)
    return System(
        **pair._asdict(),
        objectives={
            "discriminator": _objective(
                Weighted("logistic", LogisticDiscriminator(config.real_target)),
                Weighted("history", HistoricalAverage(pair.discriminator), config.history_weight),
            ),
            "generator": _objective(
                Weighted("logistic", LogisticGenerator(), config.logistic_weight),
                Weighted("feature_matching", FeatureMatching(), config.feature_matching_weight),
                Weighted("history", HistoricalAverage(pair.generator), config.history_weight),
            ),
        },
        resolution=resolution,
        latents=config.latent_space,
        order=("discriminator", *steps),
    )


def _objective(*rows: Weighted) -> Objective:
    """Of the rows that count."""
    return Objective(row for row in rows if row.weight)

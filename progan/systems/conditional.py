"""Conditional GAN (Mirza and Osindero 2014, arXiv 1411.1784): both networks are given the label.

Labels are one class an image or several. A real image without a label is given as a row of zeros, which no generated
one has: D can tell it by that alone, so of a set with many such images show the labelled ones only (`data.balanced`).
"""

from typing import Annotated, Literal

from progan.config import unless_named
from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator
from progan.losses.objective import Objective, Weighted
from progan.systems.dense import DenseNetworks
from progan.systems.labels import require_labels
from progan.systems.networks import Networks
from progan.systems.pair import PairConfig, Shape
from progan.systems.system import System
from progan.types import DataSpec


class ConditionalConfig(PairConfig):
    """The defaults are for digits."""

    name: Literal["conditional"] = "conditional"
    networks: Annotated[Networks, unless_named("dense")] = DenseNetworks()


def build(config: ConditionalConfig, data: DataSpec, resolution: int) -> System:
    """LabelsMissing for unlabelled data. ConfigError where the networks do not fit the resolution."""
    require_labels(data, config.name)
    given = data.num_classes
    pair = config.networks.build(
        Shape(resolution, config.latent_space, given_generator=given, given_discriminator=given)
    )
    return System(
        **pair._asdict(),
        objectives={
            "discriminator": Objective([Weighted("logistic", LogisticDiscriminator())]),
            "generator": Objective([Weighted("logistic", LogisticGenerator())]),
        },
        resolution=resolution,
        latents=config.latent_space,
        labels=data.label_space,
    )

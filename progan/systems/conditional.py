"""Conditional GAN (Mirza and Osindero 2014, arXiv 1411.1784): both networks are given the label.

Labels are one class an image or several. A real image without a label is given as a row of zeros, which no generated
one has: D can tell it by that alone, so of a set with many such images show the labelled ones only (`data.balanced`).
"""

from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator
from progan.losses.objective import Objective, Weighted
from progan.systems.networks import build_pair
from progan.systems.pair import Shape
from progan.systems.settings.conditional import ConditionalConfig
from progan.systems.system import System
from progan.types import DataSpec


def build(config: ConditionalConfig, data: DataSpec, resolution: int) -> System:
    """For labelled data."""
    given = data.num_classes
    pair = build_pair(
        config.networks, Shape(resolution, config.latent_space, given_generator=given, given_discriminator=given)
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

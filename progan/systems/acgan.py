"""Auxiliary classifier GAN (Odena et al. 2017, arXiv 1610.09585): G is given the label, D names it beside its score."""

from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator
from progan.losses.auxiliary import FakeLabel, RealLabel
from progan.losses.objective import Objective, Weighted
from progan.systems.networks import build_pair
from progan.systems.pair import Shape
from progan.systems.settings.acgan import AcganConfig
from progan.systems.system import System
from progan.types import DataSpec


def build(config: AcganConfig, data: DataSpec, resolution: int) -> System:
    """For labelled data."""
    labels = data.num_classes
    pair = build_pair(config.networks, Shape(resolution, config.latent_space, given_generator=labels, classes=labels))
    on_fake = Weighted("label_fake", FakeLabel(), config.label_fake_weight)
    return System(
        **pair._asdict(),
        objectives={
            "discriminator": Objective(
                [
                    Weighted("logistic", LogisticDiscriminator()),
                    Weighted("label_real", RealLabel(), config.label_real_weight),
                    on_fake,
                ]
            ),
            "generator": Objective([Weighted("logistic", LogisticGenerator()), on_fake]),
        },
        resolution=resolution,
        latents=config.latent_space,
        labels=data.label_space,
    )

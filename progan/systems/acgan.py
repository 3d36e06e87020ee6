"""Auxiliary classifier GAN (Odena et al. 2017, arXiv 1610.09585): G is given the label, D names it beside its score."""

from typing import Annotated, Literal

from pydantic import Field

from progan.config import unless_named
from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator
from progan.losses.auxiliary import FakeLabel, RealLabel
from progan.losses.objective import Objective, Weighted
from progan.systems.convolutional import ConvolutionalNetworks
from progan.systems.labels import require_labels
from progan.systems.networks import Networks
from progan.systems.pair import PairConfig, Shape
from progan.systems.system import System
from progan.types import DataSpec

Weight = Annotated[float, Field(ge=0)]


class AcganConfig(PairConfig):
    """The defaults are the published losses. Images without a label take part in the game, not in the label loss."""

    name: Literal["acgan"] = "acgan"
    latents: Literal["normal", "uniform"] = "normal"
    networks: Annotated[Networks, unless_named("convolutional")] = ConvolutionalNetworks()
    label_real_weight: Weight = 1.0  # of the label loss on real images; above the next one: weighted AC-GAN
    label_fake_weight: Weight = 1.0  # of the label loss on generated images, which both players make small


def build(config: AcganConfig, data: DataSpec, resolution: int) -> System:
    """LabelsMissing for unlabelled data. ConfigError where the networks do not fit the resolution."""
    require_labels(data, config.name)
    labels = data.num_classes
    pair = config.networks.build(Shape(resolution, config.latent_space, given_generator=labels, classes=labels))
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

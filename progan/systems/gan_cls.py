"""GAN-CLS (Reed et al. 2016, arXiv 1605.05396): text to image, D also judging whether the text is that of the image.

Captions are made of the attributes of the images, in wordings that change.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from torch import nn

from progan.config import unless_named
from progan.losses.adversarial import LogisticGenerator
from progan.losses.matching import MatchingAware
from progan.losses.objective import Objective, Weighted
from progan.networks.dcgan import DcganDiscriminator
from progan.networks.initial import draw_truncated_normal
from progan.networks.text import TextDiscriminator, TextEncoder, TextGenerator
from progan.systems.convolutional import ConvolutionalNetworks
from progan.systems.labels import require_attributes
from progan.systems.pair import Pair, PairConfig, Shape
from progan.systems.system import System
from progan.types import DataSpec, LatentSpace

Size = Annotated[int, Field(ge=1)]


class GanClsConfig(PairConfig):
    """The defaults are the published sizes, on networks for images of 28 px."""

    name: Literal["gan-cls"] = "gan-cls"
    latents: Literal["normal", "uniform"] = "normal"
    words: Size = 64  # size of a word's vector
    text: Size = 128  # size of what a network makes of a caption; each has its own reader
    networks: Annotated[ConvolutionalNetworks, unless_named("convolutional")] = ConvolutionalNetworks()

    @model_validator(mode="after")
    def _norm_needs_no_captions(self) -> "GanClsConfig":
        if self.networks.norm == "virtual":
            raise ValueError("networks.norm is virtual, and its reference batch has no captions; take batch or none")
        return self


def build(config: GanClsConfig, data: DataSpec, resolution: int) -> System:
    """LabelsMissing for unlabelled data. ConfigError for one class an image, or of an unfit size."""
    require_attributes(data, config.name)
    pair = _reading(config, data, resolution)
    return System(
        **pair._replace(indivisible=True)._asdict(),
        objectives={
            "discriminator": Objective([Weighted("logistic", MatchingAware())]),
            "generator": Objective([Weighted("logistic", LogisticGenerator())]),
        },
        resolution=resolution,
        latents=config.latent_space,
        labels=data.label_space,
    )


def _reading(config: GanClsConfig, data: DataSpec, resolution: int) -> Pair:
    """The pair of networks, each with a reader of captions."""
    networks = config.networks
    seen = LatentSpace(config.latent_dim + config.text, config.latents)  # by the generator: latents and a text
    pair = networks.build(Shape(resolution, seen))
    judge = pair.discriminator
    assert isinstance(judge, DcganDiscriminator)
    readers = [TextEncoder(data.classes, config.words, config.text) for _ in range(2)]
    norm = nn.BatchNorm2d(judge.maps) if networks.norm == "batch" else nn.Identity()
    discriminator = TextDiscriminator(judge, readers[1], norm)
    draw_truncated_normal(discriminator.joining, networks.deviation, networks.bias)
    return pair._replace(
        generator=TextGenerator(pair.generator, readers[0], config.latent_dim), discriminator=discriminator
    )

"""GAN-CLS (Reed et al. 2016, arXiv 1605.05396): text to image, D also judging whether the text is that of the image.

Captions are made of the attributes of the images, in wordings that change.
"""

from torch import nn

from progan.losses.adversarial import LogisticGenerator
from progan.losses.matching import MatchingAware
from progan.losses.objective import Objective, Weighted
from progan.networks.dcgan import DcganDiscriminator
from progan.networks.initial import draw_truncated_normal
from progan.networks.text import TextDiscriminator, TextEncoder, TextGenerator
from progan.systems import convolutional
from progan.systems.pair import Pair, Shape
from progan.systems.settings.gan_cls import GanClsConfig
from progan.systems.system import System
from progan.types import DataSpec, LatentSpace


def build(config: GanClsConfig, data: DataSpec, resolution: int) -> System:
    """For data with several attributes an image."""
    pair = _reading(config, data, resolution)
    return System(
        **pair._asdict(),
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
    pair = convolutional.build(networks, Shape(resolution, seen))
    judge = pair.discriminator
    assert isinstance(judge, DcganDiscriminator)
    readers = [TextEncoder(data.classes, config.words, config.text) for _ in range(2)]
    norm = nn.BatchNorm2d(judge.maps) if networks.norm == "batch" else nn.Identity()
    discriminator = TextDiscriminator(judge, readers[1], norm)
    draw_truncated_normal(discriminator.joining, networks.deviation, networks.bias)
    return pair._replace(
        generator=TextGenerator(pair.generator, readers[0], config.latent_dim), discriminator=discriminator
    )

"""A pair of networks of strided convolutions (arXiv 1511.06434)."""

import itertools
from functools import partial
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from progan.config import Settings
from progan.networks.dcgan import DcganDiscriminator, DcganGenerator, Level, fits
from progan.networks.head import Head
from progan.networks.initial import draw_truncated_normal
from progan.systems.pair import Pair, Shape
from progan.types import ConfigError

Count = Annotated[int, Field(ge=1)]
NORMS = {"batch": nn.BatchNorm2d, "none": nn.Identity}


class ConvolutionalNetworks(Settings):
    """The defaults are those of the deepest of four generators of digits of 28 px."""

    name: Literal["convolutional"] = "convolutional"
    channels: Literal[1, 3] = 3  # 1: grey
    # Pixels and feature maps of the dense layer, then of each transposed convolution but the last, which paints.
    generator: tuple[tuple[Count, Count], ...] = ((2, 512), (4, 256), (7, 128), (14, 64))
    discriminator: tuple[Count, ...] = (16, 32, 64, 128)  # feature maps of each convolution
    norm: Literal["batch", "none"] = "batch"
    deviation: Annotated[float, Field(gt=0)] = 0.02  # of the first weights, a truncated normal
    bias: float = 0.1  # the first biases

    def build(self, shape: Shape) -> Pair:
        """Weights are drawn from torch's global generator. ConfigError where the sizes do not lead to the resolution."""
        self._require_a_way(shape.resolution)
        norm = NORMS[self.norm]
        levels = [Level(*level) for level in self.generator]
        head = partial(Head, classes=shape.classes, from_classes=shape.from_classes)
        generator = DcganGenerator(
            shape.resolution, shape.latent_dim, levels, self.channels, shape.given_generator, norm
        )
        discriminator = DcganDiscriminator(
            shape.resolution, self.discriminator, self.channels, shape.given_discriminator, norm, head
        )
        for network in (generator, discriminator):
            draw_truncated_normal(network, self.deviation, self.bias)
        normalises = self.norm == "batch"
        return Pair(generator, discriminator, joint=not normalises, indivisible=normalises)

    def _require_a_way(self, resolution: int) -> None:
        sizes = [size for size, _ in self.generator] + [resolution]
        for before, after in itertools.pairwise(sizes):
            if not fits(before, after):
                rule = f"a layer keeps {before} px, doubles them or gives one less, not {after} px"
                raise ConfigError(f"system.networks.generator: {rule}; add a size between, or change it")

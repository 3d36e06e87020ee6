"""A pair of networks of dense layers."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from progan.config import Settings
from progan.networks.head import Head
from progan.networks.initial import draw_truncated_normal
from progan.networks.mlp import MlpDiscriminator, MlpGenerator
from progan.systems.pair import Pair, Shape

Units = Annotated[int, Field(ge=1)]


class DenseNetworks(Settings):
    """The defaults are those of the MNIST variant: 100-200-784 against 784-200-1, rectifiers."""

    name: Literal["dense"] = "dense"
    channels: Literal[1, 3] = 3  # 1: grey
    generator: tuple[Units, ...] = (200,)  # units of each hidden layer
    discriminator: tuple[Units, ...] = (200,)
    deviation: Annotated[float, Field(gt=0)] = 0.01  # of the first weights, a truncated normal
    bias: float = 0.1  # the first biases

    def build(self, shape: Shape) -> Pair:
        """Weights are drawn from torch's global generator."""
        head = partial(Head, classes=shape.classes, from_classes=shape.from_classes)
        generator = MlpGenerator(
            shape.resolution, shape.latent_dim, self.generator, self.channels, shape.given_generator
        )
        discriminator = MlpDiscriminator(
            shape.resolution, self.discriminator, self.channels, shape.given_discriminator, head=head
        )
        for network in (generator, discriminator):
            draw_truncated_normal(network, self.deviation, self.bias)
        return Pair(generator, discriminator)

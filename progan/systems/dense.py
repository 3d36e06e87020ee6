"""A pair of networks of dense layers."""

from functools import partial
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from progan.config import Settings
from progan.networks.head import Head
from progan.networks.initial import draw_he_normal, draw_truncated_normal
from progan.networks.mlp import MlpDiscriminator, MlpGenerator
from progan.nn.maxout import Maxout
from progan.nn.noise import GaussianNoise
from progan.nn.weight_norm import normalise_weights, standardise
from progan.systems.pair import Pair, Shape
from progan.types import UNLABELLED, ConfigError

Units = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Deviation = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
ACTIVATIONS = {"relu": nn.ReLU, "softplus": nn.Softplus}


class GeneratorLayers(Settings):
    """What a dense generator's layers are made of."""

    activation: Literal["relu", "softplus"] = "relu"
    batch_norm: bool = False  # of each hidden layer, before the activation
    noise: Annotated[int, Field(ge=0)] = 0  # coordinates of the latent that enter at each hidden layer, not below
    weight_norm: bool = False  # of the layer that paints
    deviation: Deviation | None = None  # of the first weights; null: the networks'

    def after(self, units: int) -> nn.Module:
        """What follows a hidden dense layer."""
        activation = ACTIVATIONS[self.activation]()
        return nn.Sequential(nn.BatchNorm1d(units), activation) if self.batch_norm else activation


class DiscriminatorLayers(Settings):
    """What a dense discriminator's layers are made of. Dropout and noise are there only while it learns."""

    pieces: Units = 1  # affine functions of which a hidden unit gives the largest; 1: rectifiers
    input_dropout: Share = 0.0  # of the pixels
    dropout: Share = 0.0  # of each hidden layer's units
    input_noise: NotNegative = 0.0  # standard deviation; pixels are in [0, 1]
    noise: NotNegative = 0.0  # standard deviation, of each hidden layer
    # Lengths and biases of all layers are set by the first real images; later only the last layer's lengths learn.
    weight_norm: bool = False
    deviation: Deviation | None = None  # of the first weights; null: the networks'

    def before(self) -> nn.Module:
        """What the input goes through."""
        return _disturbed(self.input_dropout, self.input_noise)

    def layer(self, inputs: int, units: int) -> nn.Module:
        if self.pieces > 1:
            hidden: nn.Module = Maxout(inputs, units, self.pieces)
        else:
            hidden = nn.Sequential(nn.Linear(inputs, units), nn.ReLU())
        return nn.Sequential(hidden, _disturbed(self.dropout, self.noise))


class DenseNetworks(Settings):
    """The defaults are those of the MNIST variant: 100-200-784 against 784-200-1, rectifiers."""

    name: Literal["dense"] = "dense"
    channels: Literal[1, 3] = 3  # 1: grey
    generator: tuple[Units, ...] = (200,)  # units of each hidden layer
    generator_layers: GeneratorLayers = GeneratorLayers()
    discriminator: tuple[Units, ...] = (200,)
    discriminator_layers: DiscriminatorLayers = DiscriminatorLayers()
    deviation: Deviation | None = 0.01  # of the first weights, a truncated normal; null: a normal, sqrt(2 / inputs)
    bias: float = 0.1  # the first biases
    minibatch_kernels: tuple[Units, Units] | None = None  # number and size of D's, as (100, 5); null: none

    def build(self, shape: Shape) -> Pair:
        """Weights are drawn from torch's global generator. ConfigError where the latent is too small for its noise."""
        generator, discriminator = self._generator(shape), self._discriminator(shape)
        self._draw(generator, self.generator_layers.deviation or self.deviation)
        self._draw(discriminator, self.discriminator_layers.deviation or self.deviation)
        if self.generator_layers.weight_norm:
            normalise_weights(generator.output)
        calibrate = None
        if self.discriminator_layers.weight_norm:
            normalise_weights(discriminator.hidden, learn_lengths=False)
            normalise_weights(discriminator.head)
            calibrate = partial(_standardise, discriminator)
        compares = self.minibatch_kernels is not None
        indivisible = compares or self.generator_layers.batch_norm
        return Pair(generator, discriminator, joint=not compares, indivisible=indivisible, calibrate=calibrate)

    def _generator(self, shape: Shape) -> MlpGenerator:
        layers = self.generator_layers
        drawn_inside = layers.noise * len(self.generator)
        if drawn_inside >= shape.latents.dim:
            rule = f"{drawn_inside} of {shape.latents.dim} coordinates of the latent enter at hidden layers"
            raise ConfigError(f"system.networks.generator_layers.noise: {rule}; raise system.latent_dim above that")
        return MlpGenerator(
            shape.resolution,
            shape.latents.dim,
            self.generator,
            self.channels,
            shape.given_generator,
            layers.noise,
            layers.after,
        )

    def _discriminator(self, shape: Shape) -> MlpDiscriminator:
        layers = self.discriminator_layers
        head = partial(Head, classes=shape.classes, from_classes=shape.from_classes, kernels=self.minibatch_kernels)
        return MlpDiscriminator(
            shape.resolution,
            self.discriminator,
            self.channels,
            shape.given_discriminator,
            layers.before(),
            layers.layer,
            head,
        )

    def _draw(self, network: nn.Module, deviation: float | None) -> None:
        if deviation is None:
            draw_he_normal(network, self.bias)
        else:
            draw_truncated_normal(network, deviation, self.bias)


def _disturbed(dropout: float, noise: float) -> nn.Module:
    return nn.Sequential(
        nn.Dropout(dropout) if dropout else nn.Identity(), GaussianNoise(noise) if noise else nn.Identity()
    )


def _standardise(discriminator: nn.Module, images: Tensor) -> None:
    standardise(discriminator, images, torch.full((len(images),), UNLABELLED, device=images.device))

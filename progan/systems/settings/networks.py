"""The pairs of networks from which systems that do not grow choose."""

import itertools
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from progan.config import Count, NotNegative, Positive, Settings, Share
from progan.types import ConfigError

Levels = Annotated[tuple[tuple[Count, Count], ...], Field(min_length=1)]
Kernels = tuple[Count, Count]  # number and size of those of minibatch discrimination, as (100, 5)


class GeneratorLayers(Settings):
    """What a dense generator's layers are made of."""

    activation: Literal["relu", "softplus"] = "relu"
    batch_norm: bool = False  # of each hidden layer, before the activation
    noise: Annotated[int, Field(ge=0)] = 0  # coordinates of the latent that enter at each hidden layer, not below
    weight_norm: bool = False  # of the layer that paints
    deviation: Positive | None = None  # of the first weights; null: the networks'


class DiscriminatorLayers(Settings):
    """What a dense discriminator's layers are made of. Dropout and noise are there only while it learns."""

    pieces: Count = 1  # affine functions of which a hidden unit gives the largest; 1: rectifiers
    input_dropout: Share = 0.0  # of the pixels
    dropout: Share = 0.0  # of each hidden layer's units
    input_noise: NotNegative = 0.0  # standard deviation; pixels are in [0, 1]
    noise: NotNegative = 0.0  # standard deviation, of each hidden layer
    # Lengths and biases of all layers are set by the first real images; later only the last layer's lengths learn.
    weight_norm: bool = False
    deviation: Positive | None = None  # of the first weights; null: the networks'


class DenseNetworks(Settings):
    """The defaults are those of the MNIST variant: 100-200-784 against 784-200-1, rectifiers."""

    name: Literal["dense"] = "dense"
    channels: Literal[1, 3] = 3  # 1: grey
    generator: tuple[Count, ...] = (200,)  # units of each hidden layer
    generator_layers: GeneratorLayers = GeneratorLayers()
    discriminator: tuple[Count, ...] = (200,)
    discriminator_layers: DiscriminatorLayers = DiscriminatorLayers()
    deviation: Positive | None = 0.01  # of the first weights, a truncated normal; null: a normal, sqrt(2 / inputs)
    bias: float = 0.1  # the first biases
    minibatch_kernels: Kernels | None = None  # D's; null: none

    first_images: ClassVar[int] = 0

    @property
    def indivisible(self) -> bool:
        return self.minibatch_kernels is not None or self.generator_layers.batch_norm

    @property
    def draws(self) -> bool:
        layers = self.discriminator_layers
        return any((layers.input_dropout, layers.dropout, layers.input_noise, layers.noise))

    def check(self, resolution: int, latent_dim: int) -> None:
        """ConfigError where the latent is too small for its noise."""
        drawn_inside = self.generator_layers.noise * len(self.generator)
        if drawn_inside >= latent_dim:
            rule = f"{drawn_inside} of {latent_dim} coordinates of the latent enter at hidden layers"
            raise ConfigError(f"system.networks.generator_layers.noise: {rule}; raise system.latent_dim above that")


class ConvolutionalNetworks(Settings):
    """The defaults are those of the deepest of four generators of digits of 28 px."""

    name: Literal["convolutional"] = "convolutional"
    channels: Literal[1, 3] = 3  # 1: grey
    # Pixels and feature maps of the dense layer, then of each transposed convolution but the last, which paints.
    generator: Levels = ((2, 512), (4, 256), (7, 128), (14, 64))
    discriminator: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 32, 64, 128)  # maps of each convolution
    norm: Literal["batch", "virtual", "none"] = "batch"
    reference: Count = 64  # images of the reference batch of virtual batch norm: the first real ones, and latents
    minibatch_kernels: Kernels | None = None  # D's; null: none
    deviation: Positive = 0.02  # of the first weights, a truncated normal
    bias: float = 0.1  # the first biases

    draws: ClassVar[bool] = False

    @property
    def first_images(self) -> int:
        return self.reference if self.norm == "virtual" else 0

    @property
    def indivisible(self) -> bool:
        return self.norm == "batch" or self.minibatch_kernels is not None

    def check(self, resolution: int, latent_dim: int) -> None:
        """ConfigError where sizes do not lead to the resolution."""
        sizes = [size for size, _ in self.generator] + [resolution]
        for before, after in itertools.pairwise(sizes):
            if after not in (before, 2 * before, 2 * before - 1):
                rule = f"a layer keeps {before} px, doubles them or gives one less, not {after} px"
                raise ConfigError(f"system.networks.generator: {rule}; add a size between, or change it")


Networks = Annotated[DenseNetworks | ConvolutionalNetworks, Field(discriminator="name")]

"""A pair of networks of dense layers."""

from functools import partial

import torch
from torch import Tensor, nn

from progan.networks.head import Head
from progan.networks.initial import draw_he_normal, draw_truncated_normal
from progan.networks.mlp import MlpDiscriminator, MlpGenerator
from progan.nn.maxout import Maxout
from progan.nn.noise import GaussianNoise
from progan.nn.weight_norm import normalise_weights, standardise
from progan.systems.pair import Pair, Shape
from progan.systems.settings.networks import DenseNetworks, DiscriminatorLayers, GeneratorLayers
from progan.types import UNLABELLED

ACTIVATIONS = {"relu": nn.ReLU, "softplus": nn.Softplus}


def build(config: DenseNetworks, shape: Shape) -> Pair:
    """Weights are drawn from torch's global generator."""
    generator, discriminator = _generator(config, shape), _discriminator(config, shape)
    _draw(generator, config.generator_layers.deviation or config.deviation, config.bias)
    _draw(discriminator, config.discriminator_layers.deviation or config.deviation, config.bias)
    if config.generator_layers.weight_norm:
        normalise_weights(generator.output)
    calibrate = None
    if config.discriminator_layers.weight_norm:
        normalise_weights(discriminator.hidden, learn_lengths=False)
        normalise_weights(discriminator.head)
        calibrate = partial(_standardise, discriminator)
    return Pair(generator, discriminator, joint=config.minibatch_kernels is None, calibrate=calibrate)


def _generator(config: DenseNetworks, shape: Shape) -> MlpGenerator:
    return MlpGenerator(
        shape.resolution,
        shape.latents.dim,
        config.generator,
        config.channels,
        shape.given_generator,
        config.generator_layers.noise,
        partial(_after, config.generator_layers),
    )


def _after(layers: GeneratorLayers, units: int) -> nn.Module:
    """What follows a hidden layer of the generator."""
    activation = ACTIVATIONS[layers.activation]()
    return nn.Sequential(nn.BatchNorm1d(units), activation) if layers.batch_norm else activation


def _discriminator(config: DenseNetworks, shape: Shape) -> MlpDiscriminator:
    layers = config.discriminator_layers
    head = partial(Head, classes=shape.classes, from_classes=shape.from_classes, kernels=config.minibatch_kernels)
    return MlpDiscriminator(
        shape.resolution,
        config.discriminator,
        config.channels,
        shape.given_discriminator,
        _disturbed(layers.input_dropout, layers.input_noise),
        partial(_hidden, layers),
        head,
    )


def _hidden(layers: DiscriminatorLayers, inputs: int, units: int) -> nn.Module:
    if layers.pieces > 1:
        hidden: nn.Module = Maxout(inputs, units, layers.pieces)
    else:
        hidden = nn.Sequential(nn.Linear(inputs, units), nn.ReLU())
    return nn.Sequential(hidden, _disturbed(layers.dropout, layers.noise))


def _disturbed(dropout: float, noise: float) -> nn.Module:
    return nn.Sequential(
        nn.Dropout(dropout) if dropout else nn.Identity(), GaussianNoise(noise) if noise else nn.Identity()
    )


def _draw(network: nn.Module, deviation: float | None, bias: float) -> None:
    if deviation is None:
        draw_he_normal(network, bias)
    else:
        draw_truncated_normal(network, deviation, bias)


def _standardise(discriminator: nn.Module, images: Tensor) -> None:
    standardise(discriminator, images, torch.full((len(images),), UNLABELLED, device=images.device))

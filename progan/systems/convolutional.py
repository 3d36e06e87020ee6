"""A pair of networks of strided convolutions (arXiv 1511.06434)."""

from functools import partial

import torch
from torch import Tensor, nn

from progan.networks.dcgan import DcganDiscriminator, DcganGenerator, Level, Norm
from progan.networks.head import Head
from progan.networks.initial import draw_truncated_normal
from progan.networks.reference import Reference
from progan.nn.norm import VirtualBatchNorm
from progan.random import draw
from progan.systems.pair import Pair, Shape
from progan.systems.settings.networks import ConvolutionalNetworks


def build(config: ConvolutionalNetworks, shape: Shape) -> Pair:
    """Weights are drawn from torch's global generator."""
    generator, discriminator = _generator(config, shape), _discriminator(config, shape)
    for network in (generator, discriminator):
        draw_truncated_normal(network, config.deviation, config.bias)
    calibrate = None if discriminator.reference is None else partial(_keep, discriminator.reference)
    return Pair(generator, discriminator, joint=not config.indivisible, calibrate=calibrate)


def _generator(config: ConvolutionalNetworks, shape: Shape) -> DcganGenerator:
    return DcganGenerator(
        shape.resolution,
        shape.latents.dim,
        [Level(*level) for level in config.generator],
        config.channels,
        shape.given_generator,
        _norm(config),
        Reference(draw(shape.latents, config.reference)) if config.norm == "virtual" else None,
    )


def _discriminator(config: ConvolutionalNetworks, shape: Shape) -> DcganDiscriminator:
    return DcganDiscriminator(
        shape.resolution,
        config.discriminator,
        config.channels,
        shape.given_discriminator,
        _norm(config),
        partial(Head, classes=shape.classes, from_classes=shape.from_classes, kernels=config.minibatch_kernels),
        Reference(torch.zeros(config.reference, 3, *2 * [shape.resolution])) if config.norm == "virtual" else None,
    )


def _norm(config: ConvolutionalNetworks) -> Norm:
    norms: dict[str, Norm] = {
        "batch": nn.BatchNorm2d,
        "virtual": partial(VirtualBatchNorm, reference=config.reference),
        "none": nn.Identity,
    }
    return norms[config.norm]


def _keep(reference: Reference, images: Tensor) -> None:
    """The first real images as the discriminator's reference batch."""
    wanted = len(reference.rows)
    assert len(images) >= wanted, "a first batch has as many images as the settings say"
    reference.rows.copy_(images[:wanted])

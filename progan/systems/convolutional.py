"""A pair of networks of strided convolutions (arXiv 1511.06434)."""

import itertools
from functools import partial
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from progan.config import Settings
from progan.networks.dcgan import DcganDiscriminator, DcganGenerator, Level, Norm, fits
from progan.networks.head import Head
from progan.networks.initial import draw_truncated_normal
from progan.networks.reference import Reference
from progan.nn.norm import VirtualBatchNorm
from progan.random import draw
from progan.systems.pair import Pair, Shape
from progan.types import ConfigError

Count = Annotated[int, Field(ge=1)]
Levels = Annotated[tuple[tuple[Count, Count], ...], Field(min_length=1)]


class ConvolutionalNetworks(Settings):
    """The defaults are those of the deepest of four generators of digits of 28 px."""

    name: Literal["convolutional"] = "convolutional"
    channels: Literal[1, 3] = 3  # 1: grey
    # Pixels and feature maps of the dense layer, then of each transposed convolution but the last, which paints.
    generator: Levels = ((2, 512), (4, 256), (7, 128), (14, 64))
    discriminator: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 32, 64, 128)  # maps of each convolution
    norm: Literal["batch", "virtual", "none"] = "batch"
    reference: Count = 64  # images of the reference batch of virtual batch norm: the first real ones, and latents
    minibatch_kernels: tuple[Count, Count] | None = None  # number and size of D's, as (100, 5); null: none
    deviation: Annotated[float, Field(gt=0)] = 0.02  # of the first weights, a truncated normal
    bias: float = 0.1  # the first biases

    def build(self, shape: Shape) -> Pair:
        """Weights are drawn from torch's global generator. ConfigError where sizes do not lead to the resolution."""
        self._require_a_way(shape.resolution)
        generator, discriminator = self._generator(shape), self._discriminator(shape)
        for network in (generator, discriminator):
            draw_truncated_normal(network, self.deviation, self.bias)
        mixes = self.norm == "batch" or self.minibatch_kernels is not None
        calibrate = None if discriminator.reference is None else partial(self._keep, discriminator.reference)
        return Pair(generator, discriminator, joint=not mixes, indivisible=mixes, calibrate=calibrate)

    def _generator(self, shape: Shape) -> DcganGenerator:
        return DcganGenerator(
            shape.resolution,
            shape.latents.dim,
            [Level(*level) for level in self.generator],
            self.channels,
            shape.given_generator,
            self._norm(),
            Reference(draw(shape.latents, self.reference)) if self.norm == "virtual" else None,
        )

    def _discriminator(self, shape: Shape) -> DcganDiscriminator:
        return DcganDiscriminator(
            shape.resolution,
            self.discriminator,
            self.channels,
            shape.given_discriminator,
            self._norm(),
            partial(Head, classes=shape.classes, from_classes=shape.from_classes, kernels=self.minibatch_kernels),
            Reference(torch.zeros(self.reference, 3, *2 * [shape.resolution])) if self.norm == "virtual" else None,
        )

    def _norm(self) -> Norm:
        norms: dict[str, Norm] = {
            "batch": nn.BatchNorm2d,
            "virtual": partial(VirtualBatchNorm, reference=self.reference),
            "none": nn.Identity,
        }
        return norms[self.norm]

    def _keep(self, reference: Reference, images: Tensor) -> None:
        """The first real images as the discriminator's reference batch. ConfigError where they are too few."""
        if len(images) < self.reference:
            rule = f"{self.reference} images are more than a batch of {len(images)}"
            raise ConfigError(f"system.networks.reference: {rule}; lower it, or raise schedule.batch")
        reference.rows.copy_(images[: self.reference])

    def _require_a_way(self, resolution: int) -> None:
        sizes = [size for size, _ in self.generator] + [resolution]
        for before, after in itertools.pairwise(sizes):
            if not fits(before, after):
                rule = f"a layer keeps {before} px, doubles them or gives one less, not {after} px"
                raise ConfigError(f"system.networks.generator: {rule}; add a size between, or change it")

"""The progressive generator and discriminator (arXiv 1710.10196, table 2).

Every layer exists from the start; `set_growth(resolution, fade)` says which of them run. A checkpoint therefore has the
same parameters at any moment of training, and the average of the generator needs no special care while growing.
"""

import itertools

import torch
from torch import Tensor, nn

from progan.networks.conditioning import one_hot
from progan.nn.activation import leaky_relu
from progan.nn.equalized import SQRT2, DownsamplingConv2d, EqualizedConv2d, EqualizedLinear, UpsamplingConv2d
from progan.nn.growing import Growing
from progan.nn.minibatch import MinibatchStddev
from progan.nn.norm import PixelNorm
from progan.nn.resample import downsample, upsample
from progan.types import MIN_RESOLUTION, Verdict, resolutions_up_to


def feature_maps(resolution: int, base: int, maximum: int) -> int:
    """min(base / 2^(r-1), maximum) at resolution 2^r; the paper's networks have base 8192 and maximum 512."""
    return max(1, min(2 * base // resolution, maximum))


class GeneratorBlock(nn.Module):
    """Two 3x3 convolutions, the first after doubling; at 4 px the first is a dense layer on the latent."""

    def __init__(self, in_maps: int, out_maps: int, normalize: bool) -> None:
        super().__init__()
        self.conv0 = UpsamplingConv2d(in_maps, out_maps)
        self.conv1 = EqualizedConv2d(out_maps, out_maps, 3)
        self.norm = PixelNorm() if normalize else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(leaky_relu(self.conv0(x)))
        normalized: Tensor = self.norm(leaky_relu(self.conv1(x)))
        return normalized


class GeneratorStem(nn.Module):
    """Latent NZ -> NC44."""

    def __init__(self, latent_dim: int, out_maps: int, normalize: bool) -> None:
        super().__init__()
        # Gain sqrt(2)/4 as in the official code: fan_in counts the 16 pixels a latent coordinate reaches.
        self.dense = EqualizedLinear(latent_dim, out_maps * 16, gain=SQRT2 / 4, bias=False)
        self.bias = nn.Parameter(torch.zeros(out_maps, 1, 1))  # one a map, not one a pixel
        self.conv = EqualizedConv2d(out_maps, out_maps, 3)
        self.norm = PixelNorm() if normalize else nn.Identity()

    def forward(self, latents: Tensor) -> Tensor:
        x = self.dense(latents).unflatten(1, (-1, MIN_RESOLUTION, MIN_RESOLUTION))
        x = self.norm(leaky_relu(x + self.bias.to(x.dtype)))
        normalized: Tensor = self.norm(leaky_relu(self.conv(x)))
        return normalized


class ProgressiveGenerator(Growing):
    """(latents NZ, labels N) -> images N3RR at the resolution set by `set_growth`; linear output, data in [-1, 1].

    The one-hot label is concatenated to the latent, and the whole vector is normalised.
    """

    def __init__(
        self,
        max_resolution: int,
        latent_dim: int = 512,
        num_classes: int = 0,
        base: int = 8192,  # feature maps: `feature_maps(resolution, base, maximum)`
        maximum: int = 512,
        channels: int = 3,
        pixel_norm: bool = True,
    ) -> None:
        super().__init__(max_resolution)
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        self.normalize_latent = PixelNorm()
        maps = [feature_maps(resolution, base, maximum) for resolution in resolutions_up_to(max_resolution)]
        self.stem = GeneratorStem(latent_dim + num_classes, maps[0], pixel_norm)
        self.blocks = nn.ModuleList(GeneratorBlock(m, n, pixel_norm) for m, n in itertools.pairwise(maps))
        self.to_rgb = nn.ModuleList(EqualizedConv2d(m, channels, 1, gain=1) for m in maps)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        if self.num_classes:
            latents = torch.cat([latents, one_hot(labels, self.num_classes).to(latents.dtype)], dim=1)
        newest = resolutions_up_to(self.resolution).index(self.resolution)
        x = previous = self.stem(self.normalize_latent(latents))
        for block in self.blocks[:newest]:
            previous, x = x, block(x)
        images: Tensor = self.to_rgb[newest](x)
        if self.is_fading:
            images = torch.lerp(upsample(self.to_rgb[newest - 1](previous)), images, self.fade)
        return images


class DiscriminatorBlock(nn.Module):
    """Two 3x3 convolutions, halving after the second."""

    def __init__(self, in_maps: int, out_maps: int) -> None:
        super().__init__()
        self.conv0 = EqualizedConv2d(in_maps, in_maps, 3)
        self.conv1 = DownsamplingConv2d(in_maps, out_maps)

    def forward(self, x: Tensor) -> Tensor:
        # Halving comes before the activation, as in the official code.
        return leaky_relu(self.conv1(leaky_relu(self.conv0(x))))


class DiscriminatorHead(nn.Module):
    """NC44 -> (features NF, outputs N(1+K)): minibatch statistic, convolution, two dense layers."""

    def __init__(self, maps: int, num_classes: int, group: int | None) -> None:
        super().__init__()
        self.statistic = MinibatchStddev(group) if group else nn.Identity()
        self.conv = EqualizedConv2d(maps + bool(group), maps, 3)
        self.dense = EqualizedLinear(maps * MIN_RESOLUTION**2, maps)
        self.output = EqualizedLinear(maps, 1 + num_classes, gain=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = leaky_relu(self.conv(self.statistic(x)))
        features = leaky_relu(self.dense(x.flatten(1)))
        return features, self.output(features)


class ProgressiveDiscriminator(Growing):
    """(images N3RR, labels N) -> Verdict at the resolution set by `set_growth`; labels do not enter (AC-GAN head)."""

    def __init__(
        self,
        max_resolution: int,
        num_classes: int = 0,
        base: int = 8192,
        maximum: int = 512,
        channels: int = 3,
        group: int | None = 4,  # samples of the minibatch statistic; None: no such layer
    ) -> None:
        super().__init__(max_resolution)
        self.num_classes = num_classes
        maps = [feature_maps(resolution, base, maximum) for resolution in resolutions_up_to(max_resolution)]
        self.from_rgb = nn.ModuleList(EqualizedConv2d(channels, m, 1) for m in maps)
        self.blocks = nn.ModuleList(DiscriminatorBlock(n, m) for m, n in itertools.pairwise(maps))
        self.head = DiscriminatorHead(maps[0], num_classes, group)

    def forward(self, images: Tensor, labels: Tensor) -> Verdict:
        newest = resolutions_up_to(self.resolution).index(self.resolution)
        x = leaky_relu(self.from_rgb[newest](images))
        for index in reversed(range(newest)):
            x = self.blocks[index](x)
            if index == newest - 1 and self.is_fading:
                x = torch.lerp(leaky_relu(self.from_rgb[index](downsample(images))).to(x.dtype), x, self.fade)
        features, output = self.head(x)
        return Verdict(output[:, 0], output[:, 1:] if self.num_classes else None, features)

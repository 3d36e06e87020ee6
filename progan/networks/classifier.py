"""A small residual classifier of square images, whose last features can stand in for those of Inception.

Groups of maps are normalised, never a batch: what the network says of an image does not depend on the others beside it,
neither while it learns nor afterwards.
"""

import itertools
from typing import Annotated

from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional as F

from progan.config import Settings
from progan.types import MIN_RESOLUTION, resolutions_up_to

_GROUPS = 8
_NARROWEST = 16  # maps


class ClassifierConfig(Settings):
    """The shape of the network."""

    resolution: Annotated[int, Field(ge=8, le=256)] = 32  # px at which it looks at every image, a power of two
    features: Annotated[int, Field(ge=16, le=2048)] = 256  # that it makes of an image, a power of two

    @field_validator("resolution", "features")
    @classmethod
    def _power_of_two(cls, number: int) -> int:
        if number & (number - 1):
            raise ValueError("give a power of two")
        return number


def resized(images: Tensor, resolution: int) -> Tensor:
    """NCHH -> NCRR, both sides powers of two: larger images averaged over squares, smaller ones doubled."""
    if images.shape[-1] < resolution:
        return F.interpolate(images, size=resolution, mode="nearest")
    return F.avg_pool2d(images, images.shape[-1] // resolution)


class ResidualBlock(nn.Module):
    """NIHW -> NO(H/2)(W/2): normalisation and activation come before each convolution (arXiv 1603.05027)."""

    def __init__(self, in_maps: int, out_maps: int) -> None:
        super().__init__()
        self.norm0 = nn.GroupNorm(_GROUPS, in_maps)
        self.conv0 = nn.Conv2d(in_maps, in_maps, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(_GROUPS, in_maps)
        self.conv1 = nn.Conv2d(in_maps, out_maps, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(in_maps, out_maps, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv0(F.silu(self.norm0(x)))
        y = self.conv1(F.silu(self.norm1(y)))
        halved: Tensor = y + self.shortcut(F.avg_pool2d(x, 2))
        return halved


class Classifier(nn.Module):
    """Images N3HH in [-1, 1], H a power of two -> (features NF, logits NK).

    Maps double where the resolution halves, down to 4 px; the mean of the last ones over the image are the features.
    """

    def __init__(self, classes: int, config: ClassifierConfig) -> None:
        super().__init__()
        self.resolution = config.resolution
        sizes = reversed(resolutions_up_to(config.resolution))
        maps = [max(_NARROWEST, config.features * MIN_RESOLUTION // size) for size in sizes]
        self.stem = nn.Conv2d(3, maps[0], 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(m, n) for m, n in itertools.pairwise(maps)))
        self.norm = nn.GroupNorm(_GROUPS, maps[-1])
        self.output = nn.Linear(maps[-1], classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = self.blocks(self.stem(resized(images, self.resolution)))
        features = F.silu(self.norm(x)).mean(dim=(2, 3))
        return features, self.output(features)

"""The convolutional generator and discriminator of Radford et al. (arXiv 1511.06434), of any depth and size."""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from progan.networks.channels import look, paint
from progan.networks.conditioning import with_labels
from progan.networks.head import Head
from progan.networks.reference import Reference
from progan.types import Verdict

KERNEL = 5  # pixels
Norm = Callable[[int], nn.Module]  # maps -> what normalises NCHW


class Level(NamedTuple):
    """What a layer of the generator gives."""

    size: int  # pixels
    maps: int


def _enlarging(before: Level, after: Level) -> nn.ConvTranspose2d:
    stride = 1 if before.size == after.size else 2
    missing = after.size - ((before.size - 1) * stride + 1)
    return nn.ConvTranspose2d(
        before.maps, after.maps, KERNEL, stride, padding=KERNEL // 2, output_padding=missing if stride == 2 else 0
    )


class DcganGenerator(nn.Module):
    """(latents NZ, labels N) -> images N3RR, tanh: a dense layer, then transposed 5x5 convolutions.

    Each but the last is normalised and rectified. The label is concatenated to the latent.
    """

    def __init__(
        self,
        resolution: int,
        latent_dim: int,
        # The dense layer's, then each further one's; up to the resolution a size stays, doubles or gives one less.
        levels: Sequence[Level],
        channels: int = 3,  # 1: grey
        num_classes: int = 0,
        norm: Norm = nn.BatchNorm2d,
        reference: Reference | None = None,  # latents, where norms refer to some; None: they do not
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        self.reference = reference
        self.first = levels[0]
        self.dense = nn.Linear(latent_dim + num_classes, self.first.maps * self.first.size**2)
        chain = [*levels, Level(resolution, channels)]
        self.norms = nn.ModuleList(norm(level.maps) for level in levels)
        self.layers = nn.ModuleList(_enlarging(before, after) for before, after in itertools.pairwise(chain))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        if self.reference is not None:
            latents, labels = self.reference.join(latents, labels)
        x = self.dense(with_labels(latents, labels, self.num_classes))
        x = x.unflatten(1, (self.first.maps, self.first.size, self.first.size))
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = layer(F.relu(norm(x)))
        if self.reference is not None:
            x = self.reference.leave(x)
        return paint(F.tanh(x))


class DcganDiscriminator(nn.Module):
    """(images N3RR, labels N) -> Verdict: 5x5 convolutions of stride 2, leaky rectifiers, one dense layer.

    Each convolution but the first is normalised. Features: the last convolution's, flattened.
    """

    def __init__(
        self,
        resolution: int,
        maps: Sequence[int],  # of each convolution
        channels: int = 3,  # 1: the mean of the three
        num_classes: int = 0,  # whose label it is given, as one constant map each beside the image
        norm: Norm = nn.BatchNorm2d,
        head: Callable[[int], nn.Module] = Head,  # features -> what makes a Verdict of NF
        reference: Reference | None = None,  # images, where norms refer to some; None: they do not
    ) -> None:
        super().__init__()
        self.reference = reference
        self.channels = channels
        self.num_classes = num_classes
        self.maps = maps[-1]
        chain = [channels + num_classes, *maps]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, KERNEL, stride=2, padding=KERNEL // 2)
            for before, after in itertools.pairwise(chain)
        )
        self.norms = nn.ModuleList([nn.Identity(), *(norm(count) for count in maps[1:])])
        side = -(-resolution // 2 ** len(maps))
        self.head = head(maps[-1] * side**2)

    def forward(self, images: Tensor, labels: Tensor) -> Verdict:
        verdict: Verdict = self.head(self.last_maps(images, labels).flatten(1))
        return verdict

    def last_maps(self, images: Tensor, labels: Tensor) -> Tensor:
        """What the last convolution gives, rectified, NCHW."""
        if self.reference is not None:
            images, labels = self.reference.join(images, labels)
        x = with_labels(look(images, self.channels), labels, self.num_classes)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = F.leaky_relu(norm(layer(x)), 0.2)
        if self.reference is not None:
            x = self.reference.leave(x)  # before the head: it may compare the samples of a batch
        return x

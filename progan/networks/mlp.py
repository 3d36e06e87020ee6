"""Networks of dense layers, as in the first GANs (arXiv 1406.2661)."""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from progan.networks.channels import look, paint
from progan.networks.conditioning import with_labels
from progan.networks.head import Head
from progan.types import Verdict


class MlpGenerator(nn.Module):
    """(latents NZ, labels N) -> images N3RR in [-1, 1]; a sigmoid whose 0 and 1 are black and white.

    The label is concatenated to the latent. `noise`: so many of the latent's coordinates, its last ones, enter beside
    the output of each hidden layer, in place of the bottom: what is drawn inside is part of the latent.
    """

    def __init__(
        self,
        resolution: int,
        latent_dim: int,
        hidden: Sequence[int],  # units of each hidden layer
        channels: int = 3,  # 1: grey
        num_classes: int = 0,
        noise: int = 0,  # times the hidden layers: less than latent_dim
        after: Callable[[int], nn.Module] = lambda units: nn.ReLU(),  # units -> what follows a hidden dense layer
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        self.shape = (channels, resolution, resolution)
        self.entering = [latent_dim - noise * len(hidden), *[noise] * len(hidden)]  # coordinates, from the bottom up
        inputs = [self.entering[0] + num_classes, *(units + noise for units in hidden)]
        self.hidden = nn.ModuleList(
            nn.Sequential(nn.Linear(m, n), after(n)) for m, n in zip(inputs[:-1], hidden, strict=True)
        )
        self.output = nn.Linear(inputs[-1], channels * resolution**2)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        bottom, *noises = torch.split(latents, self.entering, dim=1)
        x = with_labels(bottom, labels, self.num_classes)
        for layer, noise in zip(self.hidden, noises, strict=True):
            x = torch.cat([layer(x), noise], dim=1)
        return paint(2 * torch.sigmoid(self.output(x)).view(-1, *self.shape) - 1)


class MlpDiscriminator(nn.Module):
    """(images N3RR, labels N) -> Verdict: pixels in [0, 1] and label, hidden layers, one dense layer.

    Features: the last hidden layer's.
    """

    def __init__(
        self,
        resolution: int,
        hidden: Sequence[int],  # units of each hidden layer
        channels: int = 3,  # 1: the mean of the three
        num_classes: int = 0,  # whose label it is given
        before: nn.Module | None = None,  # what the input goes through first (noise, dropout); None: nothing
        layer: Callable[[int, int], nn.Module] = lambda m, n: nn.Sequential(nn.Linear(m, n), nn.ReLU()),
        head: Callable[[int], nn.Module] = Head,  # features -> what makes a Verdict of NF
    ) -> None:
        super().__init__()
        self.channels = channels
        self.num_classes = num_classes
        self.before = before or nn.Identity()
        sizes = [channels * resolution**2 + num_classes, *hidden]
        self.hidden = nn.Sequential(*(layer(m, n) for m, n in itertools.pairwise(sizes)))
        self.head = head(sizes[-1])

    def forward(self, images: Tensor, labels: Tensor) -> Verdict:
        pixels = (look(images, self.channels) / 2 + 0.5).flatten(1)
        verdict: Verdict = self.head(self.hidden(self.before(with_labels(pixels, labels, self.num_classes))))
        return verdict

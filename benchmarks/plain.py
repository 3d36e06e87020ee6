"""The ProGAN step as the public PyTorch trainers play it, written anew with torch's own layers for comparison.

fp32; enlarging and convolution one after the other, convolution and halving too; the discriminator called for reals,
fakes and mixed images by turns; the penalty's gradient by autograd.grad; Adam and the average parameter by parameter.
Networks are those of arXiv 1710.10196, table 2, fully grown to one resolution, equal to progan's in size.
"""

import copy
import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from progan.networks.progressive import feature_maps
from progan.types import resolutions_up_to


class Scaled(nn.Module):
    """A layer whose weights are scaled at run time."""

    def __init__(self, layer: nn.Conv2d | nn.Linear, gain: float = math.sqrt(2)) -> None:
        super().__init__()
        nn.init.normal_(layer.weight)
        nn.init.zeros_(layer.bias)
        self.bias, layer.bias = layer.bias, None
        self.layer, self.scale = layer, gain / math.sqrt(layer.weight[0].numel())

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x) * self.scale
        return y + self.bias.view(1, -1, *[1] * (y.dim() - 2))


class PixelNorm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt((x**2).mean(dim=1, keepdim=True) + 1e-8)


class MinibatchStddev(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        size = min(4, len(x))  # samples of a group
        groups = x.view(size, -1, *x.shape[1:])
        deviation = torch.sqrt((groups - groups.mean(dim=0, keepdim=True)).pow(2).mean(dim=0) + 1e-8)
        statistic = deviation.mean(dim=(1, 2, 3)).repeat(size).view(-1, 1, 1, 1)
        return torch.cat([x, statistic.expand(-1, 1, *x.shape[2:])], dim=1)


def _conv(inputs: int, outputs: int, kernel: int = 3) -> Scaled:
    return Scaled(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))


def _generator(resolution: int, maps: list[int], latent: int) -> nn.Module:
    act = nn.LeakyReLU(0.2)
    layers: list[nn.Module] = [PixelNorm(), Scaled(nn.Linear(latent, maps[0] * 16), math.sqrt(2) / 4)]
    layers += [nn.Unflatten(1, (maps[0], 4, 4)), act, PixelNorm(), _conv(maps[0], maps[0]), act, PixelNorm()]
    for before, after in itertools.pairwise(maps):
        layers += [nn.Upsample(scale_factor=2), _conv(before, after), act, PixelNorm()]
        layers += [_conv(after, after), act, PixelNorm()]
    return nn.Sequential(*layers, Scaled(nn.Conv2d(maps[-1], 3, 1), 1))


def _discriminator(maps: list[int]) -> nn.Module:
    act = nn.LeakyReLU(0.2)
    layers: list[nn.Module] = [_conv(3, maps[-1], 1), act]
    for after, before in reversed(list(itertools.pairwise(maps))):
        layers += [_conv(before, before), act, _conv(before, after), act, nn.AvgPool2d(2)]
    layers += [MinibatchStddev(), _conv(maps[0] + 1, maps[0]), act, nn.Flatten()]
    return nn.Sequential(*layers, Scaled(nn.Linear(16 * maps[0], maps[0])), act, Scaled(nn.Linear(maps[0], 1), 1))


class PlainRounds:
    """Rounds on random images of one resolution, batch of them each."""

    def __init__(self, resolution: int, batch: int, base: int, maximum: int, latent: int, lazy_r1: int | None) -> None:
        """lazy_r1: rounds between R1 penalties of the logistic loss; None: WGAN-GP with drift."""
        maps = [feature_maps(one, base, maximum) for one in resolutions_up_to(resolution)]
        self.shape, self.latent, self.lazy_r1 = (batch, 3, resolution, resolution), latent, lazy_r1
        self.period = lazy_r1 or 1
        self.generator, self.discriminator = _generator(resolution, maps, latent), _discriminator(maps)
        self.average = copy.deepcopy(self.generator)
        adam = {"lr": 1e-3, "betas": (0.0, 0.99), "foreach": False}
        self.adams = [torch.optim.Adam(net.parameters(), **adam) for net in (self.generator, self.discriminator)]

    def modules(self) -> list[nn.Module]:
        return [self.generator, self.discriminator, self.average]

    def play(self, number: int) -> None:
        """Both players' updates."""
        reals = torch.rand(self.shape) * 2 - 1
        self.adams[1].zero_grad()
        fakes = self.generator(torch.randn(len(reals), self.latent)).detach()
        loss = self._wasserstein(reals, fakes) if self.lazy_r1 is None else self._logistic(number, reals, fakes)
        loss.backward()
        self.adams[1].step()
        self.adams[0].zero_grad()
        score = self.discriminator(self.generator(torch.randn(len(reals), self.latent)))
        (F.softplus(-score).mean() if self.lazy_r1 else -score.mean()).backward()
        self.adams[0].step()
        with torch.no_grad():
            for mine, theirs in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                mine.mul_(0.999).add_(theirs, alpha=0.001)

    def _wasserstein(self, reals: Tensor, fakes: Tensor) -> Tensor:
        real, fake = self.discriminator(reals), self.discriminator(fakes)
        weight = torch.rand(len(reals), 1, 1, 1)
        gradient = self._gradient(weight * fakes + (1 - weight) * reals)
        penalty = ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()
        return fake.mean() - real.mean() + 10 * penalty + 0.001 * (real**2).mean()

    def _logistic(self, number: int, reals: Tensor, fakes: Tensor) -> Tensor:
        loss = F.softplus(-self.discriminator(reals)).mean() + F.softplus(self.discriminator(fakes)).mean()
        if number % self.lazy_r1 == 0:
            loss = loss + self.lazy_r1 * self._gradient(reals).pow(2).sum(dim=(1, 2, 3)).mean()
        return loss

    def _gradient(self, images: Tensor) -> Tensor:
        """Of the scores, to be differentiated again."""
        images = images.detach().requires_grad_()
        return torch.autograd.grad(self.discriminator(images).sum(), images, create_graph=True)[0]

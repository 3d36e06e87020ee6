"""Penalties on the gradient of the discriminator's score with respect to its input."""

import math

import torch
from torch import Tensor

from progan.losses.objective import Round, Term
from progan.nn.second_derivatives import second_derivatives
from progan.types import Batch


def score_gradient(game: Round, images: Tensor, labels: Tensor) -> Tensor:
    """d score / d image of each sample, N3HW fp32, differentiable again with respect to D's parameters.

    Compiled layers have no second derivative, so D is left uncompiled here. Under fp16 the score is scaled before and
    the gradient unscaled after, in fp32, since small gradients would vanish.
    """

    def total(x: Tensor) -> Tensor:
        return game.discriminator(x, labels).score.float().sum() * game.score_scale

    with torch.compiler.set_stance("force_eager"), second_derivatives():
        gradient: Tensor = torch.func.grad(total)(images.float())
    return gradient.float() / game.score_scale


class GradientPenalty(Term):
    """mean (|d D(mix) / d mix|_2 - target)^2, mix uniformly between a real and a generated image (arXiv 1704.00028).

    The mean is over a `share` of the global batch, in whole groups of `group` that lie evenly apart in it: the same
    images for any number of processes, and of parts that a process plays.
    """

    reads_real = True
    apart = True

    def __init__(self, target: float = 1.0, share: float = 1.0, group: int = 1) -> None:
        super().__init__()
        self.target = target
        self.share = share
        self.group = group

    def forward(self, game: Round) -> Tensor:
        count = len(game.real.labels)
        numbers = self._chosen(game.first, count)
        if not numbers:
            return torch.zeros((), device=game.real.images.device)
        some = slice(None) if len(numbers) == count else torch.tensor(numbers, device=game.real.images.device)
        real, fake = game.real.images[some], game.fake.images[some]
        weight = game.uniform("mixing")[some].view(-1, 1, 1, 1)
        mix = torch.lerp(real.float(), fake.float(), weight)
        norm = torch.linalg.vector_norm(score_gradient(game, mix, game.real.labels[some]), dim=(1, 2, 3))
        excess: Tensor = norm - self.target
        # The mean of all parts' values is to be the mean over all images chosen; of the whole batch the factor is 1.
        return excess.square().mean() * (len(numbers) / count * game.batch / len(self._chosen(0, game.batch)))

    def _chosen(self, first: int, count: int) -> list[int]:
        """Of images number `first` on of the global batch those in the mean, counted from the first."""
        groups = ((first + number) // self.group for number in range(count))
        return [number for number, group in enumerate(groups) if self._before(group + 1) > self._before(group)]

    def _before(self, groups: int) -> int:
        """How many of the first groups are chosen."""
        return math.ceil(round(groups * self.share, 9))


class _ZeroCentred(Term):
    """gamma / 2 * mean |d D(x) / d x|^2 every `every` rounds, times `every` (arXiv 1801.04406, 1912.04958).

    It is part of the same update as the other terms, so the optimizer needs no correction for extra steps.
    `gamma` None: scale * 0.0002 * resolution^2 / global batch.
    """

    apart = True

    def __init__(self, gamma: float | None = None, scale: float = 1.0, every: int = 16) -> None:
        super().__init__()
        self.gamma = gamma
        self.scale = scale
        self.period = every

    def batch(self, game: Round) -> Batch:
        """The images x."""
        raise NotImplementedError

    def forward(self, game: Round) -> Tensor:
        shown = self.batch(game)
        if not game.every(self.period):
            return torch.zeros((), device=shown.images.device)
        gamma = self.gamma if self.gamma is not None else 0.0002 * self.scale * shown.images.shape[-1] ** 2 / game.batch
        power = score_gradient(game, shown.images, shown.labels).square().flatten(1).sum(dim=1)
        return self.period * gamma / 2 * power.mean()


class R1(_ZeroCentred):
    """Of real images."""

    reads_real = True

    def batch(self, game: Round) -> Batch:
        return game.real


class R2(_ZeroCentred):
    """Of generated images."""

    def batch(self, game: Round) -> Batch:
        return game.fake

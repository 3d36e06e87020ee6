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
        chosen = self._chosen(game.first, count)
        if not chosen:
            return torch.zeros((), device=game.real.images.device)
        weight = _joined(game.uniform("mixing"), chosen).view(-1, 1, 1, 1)
        real, fake = (_joined(batch.images, chosen).float() for batch in (game.real, game.fake))
        mix = torch.lerp(real, fake, weight)
        gradient = score_gradient(game, mix, _joined(game.real.labels, chosen))
        excess: Tensor = torch.linalg.vector_norm(gradient, dim=(1, 2, 3)) - self.target
        # The mean of all parts' values is to be the mean over all images chosen; of the whole batch the factor is 1.
        everywhere = sum(some.stop - some.start for some in self._chosen(0, game.batch))
        mean: Tensor = excess.square().mean() * (len(excess) / count * game.batch / everywhere)
        return mean

    def _chosen(self, first: int, count: int) -> list[slice]:
        """Of images number `first` on of the global batch, where a group begins, those in the mean, group by group."""
        if self.share == 1:
            return [slice(0, count)]
        before = first // self.group
        groups = [number for number in range(-(-count // self.group)) if self._takes(before + number)]
        return [slice(number * self.group, min(count, (number + 1) * self.group)) for number in groups]

    def _takes(self, group: int) -> bool:
        """Whether a group of the global batch is chosen: the first is, and the others lie evenly apart."""
        before, then = (math.ceil(round(groups * self.share, 9)) for groups in (group, group + 1))
        return then > before


def _joined(tensor: Tensor, parts: list[slice]) -> Tensor:
    """Cut where the tensor lies: places that are sent to a GPU as numbers would be waited for."""
    return tensor[parts[0]] if len(parts) == 1 else torch.cat([tensor[part] for part in parts])


class R1(Term):
    """gamma / 2 * mean |d D(real) / d real|^2 every `every` rounds, times `every` (arXiv 1801.04406, 1912.04958).

    It is part of the same update as the other terms, so the optimizer needs no correction for extra steps.
    `gamma` None: scale * 0.0002 * resolution^2 / global batch.
    """

    reads_real = True
    apart = True

    def __init__(self, gamma: float | None = None, scale: float = 1.0, every: int = 16) -> None:
        super().__init__()
        self.gamma = gamma
        self.scale = scale
        self.period = every

    def batch(self, game: Round) -> Batch:
        """The images whose gradients are penalised."""
        return game.real

    def forward(self, game: Round) -> Tensor:
        shown = self.batch(game)
        if not game.every(self.period):
            return torch.zeros((), device=shown.images.device)
        gamma = self.gamma if self.gamma is not None else 0.0002 * self.scale * shown.images.shape[-1] ** 2 / game.batch
        power = score_gradient(game, shown.images, shown.labels).square().flatten(1).sum(dim=1)
        return self.period * gamma / 2 * power.mean()


class R2(R1):
    """The same of generated images."""

    reads_real = False

    def batch(self, game: Round) -> Batch:
        return game.fake

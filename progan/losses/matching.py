"""A discriminator that also judges whether the text is that of the image."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from progan.losses.objective import Round, Term
from progan.types import UNLABELLED


class WrongLabels(NamedTuple):
    """Of each sample the label of another one of the batch that contradicts its own."""

    labels: Tensor  # NK
    found: Tensor  # N, bool: whether there is one; where not, the row is the sample's own


def wrong_labels(labels: Tensor) -> WrongLabels:
    """From the next sample on, in a circle, the first whose labels NK of 1 and 0 differ; unknown ones do not count."""
    place = torch.arange(len(labels), device=labels.device)
    others = (place[:, None] + place) % len(labels)  # N x N: each sample itself, the next ...
    theirs, own = labels[others], labels[:, None]
    contradict = ((theirs != own) & (theirs != UNLABELLED) & (own != UNLABELLED)).any(dim=2)
    first = contradict.int().argmax(dim=1)
    return WrongLabels(theirs[place, first], contradict.any(dim=1))


class MatchingAware(Term):
    """-E log D(real, its text) - (E log(1 - D(real, wrong text)) + E log(1 - D(fake, its text))) / 2.

    D = sigmoid(score) (GAN-CLS, arXiv 1605.05396, algorithm 1, lines 7 to 10). Images of which all others of the batch
    have the labels have no wrong text; where none has one, that mean is 0.
    """

    reads_real = True

    def forward(self, game: Round) -> Tensor:
        real, fake = game.on_real.score.float(), game.on_fake.score.float()
        labels, found = wrong_labels(game.real.labels)
        wrong = F.softplus(game.discriminator(game.real.images, labels).score.float())
        mismatched = (wrong * found).sum() / found.sum().clamp(min=1)
        return F.softplus(-real).mean() + (mismatched + F.softplus(fake).mean()) / 2

"""Terms beside the game."""

from torch import Tensor
from torch.nn import functional as F

from progan.losses.objective import Round, Term
from progan.types import UNLABELLED, Batch, Verdict


class FeatureMatching(Term):
    """Mean over f of (mean f(real) - mean f(fake))^2, f the features of D (arXiv 1606.03498, section 3.1).

    `squared` False: of the absolute differences, as its authors trained on photographs.
    """

    reads_real = True

    def __init__(self, squared: bool = True) -> None:
        super().__init__()
        self.squared = squared

    def forward(self, game: Round) -> Tensor:
        difference = _mean_features(game.on_real) - _mean_features(game.on_fake)
        return (difference.square() if self.squared else difference.abs()).mean()


def _mean_features(verdict: Verdict) -> Tensor:
    if verdict.features is None:
        raise ValueError("feature matching needs a discriminator that shows its features")
    return verdict.features.float().mean(dim=0)


def _cross_entropy(verdict: Verdict, batch: Batch) -> Tensor:
    """Mean over the labelled images; 0, not NaN, when there are none."""
    if verdict.classes is None:
        raise ValueError("a class-label term needs a discriminator with a label head")
    total = F.cross_entropy(verdict.classes.float(), batch.labels, ignore_index=UNLABELLED, reduction="sum")
    return total / (batch.labels != UNLABELLED).sum().clamp(min=1)


class ClassLabel(Term):
    """Cross-entropy of D's label logits on real and generated images (AC-GAN, arXiv 1610.09585)."""

    def __init__(self, on_real: bool) -> None:
        super().__init__()
        self.reads_real = on_real  # the generator's play has no reals

    def forward(self, game: Round) -> Tensor:
        loss = _cross_entropy(game.on_fake, game.fake)
        return loss + _cross_entropy(game.on_real, game.real) if self.reads_real else loss


class Supervised(Term):
    """Cross-entropy of D's class logits on real images that all have a label."""

    reads_labelled = True

    def forward(self, game: Round) -> Tensor:
        return _cross_entropy(game.on_labelled, game.labelled)

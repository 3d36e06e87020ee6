"""Terms beside the game."""

from torch import Tensor
from torch.nn import functional as F

from progan.losses.objective import Round, Term
from progan.types import UNLABELLED, Batch, Verdict


class FeatureMatching(Term):
    """Mean over f of (mean f(real) - mean f(fake))^2, f the features of D (arXiv 1606.03498, section 3.1)."""

    reads_real = True

    def forward(self, game: Round) -> Tensor:
        return (_mean_features(game.on_real) - _mean_features(game.on_fake)).square().mean()


def _mean_features(verdict: Verdict) -> Tensor:
    if verdict.features is None:
        raise ValueError("feature matching needs a discriminator that shows its features")
    return verdict.features.float().mean(dim=0)


def labelled(labels: Tensor) -> Tensor:
    """Which images have a label, N: of N classes, or of NK labels."""
    known = labels != UNLABELLED
    return known if labels.dim() == 1 else known.any(dim=1)


def label_loss(verdict: Verdict, batch: Batch) -> Tensor:
    """-log P(label | image) by D's label logits, the mean over the labelled images; 0, not NaN, when there are none.

    Of parts of a global batch the mean of these is that of the batch, however the labels lie.

    One class an image: P is their softmax. Several labels an image: each has a probability of its own, the sigmoid of
    its logit, and P is their product.
    """
    if verdict.classes is None:
        raise ValueError("a class-label term needs a discriminator with a label head")
    logits = verdict.classes.float()
    if batch.labels.dim() == 1:
        total = F.cross_entropy(logits, batch.labels, ignore_index=UNLABELLED, reduction="sum")
    else:
        each = F.binary_cross_entropy_with_logits(logits, batch.labels.float(), reduction="none")
        total = (each * (batch.labels != UNLABELLED)).sum()
    known = labelled(batch.labels).sum() if batch.known is None else batch.known
    return total / known.clamp(min=1e-9)  # where there are none the sum is 0


class RealLabel(Term):
    """-E log P(c | real), over the real images with a label (AC-GAN, arXiv 1610.09585, equation 3, first half)."""

    reads_real = True
    reads_labels = True

    def forward(self, game: Round) -> Tensor:
        return label_loss(game.on_real, game.real)


class FakeLabel(Term):
    """-E log P(c | fake), c what the generator was given (arXiv 1610.09585, equation 3, second half)."""

    def forward(self, game: Round) -> Tensor:
        return label_loss(game.on_fake, game.fake)


class Supervised(Term):
    """Cross-entropy of D's class logits on real images that all have a label."""

    reads_labelled = True

    def forward(self, game: Round) -> Tensor:
        return label_loss(game.on_labelled, game.labelled)

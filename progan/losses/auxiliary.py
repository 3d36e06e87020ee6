"""Terms beside the game."""

from torch import Tensor
from torch.nn import functional as F

from progan.losses.objective import Round, Term
from progan.types import UNLABELLED, Batch, Verdict


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

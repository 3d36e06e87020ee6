"""The last layer of a discriminator."""

import torch
from torch import Tensor, nn

from progan.nn.minibatch import MinibatchDiscrimination
from progan.types import Verdict


class Head(nn.Module):
    """Features NF -> Verdict: a score and, for `classes` > 0, logits of the classes.

    `from_classes`: there is no output for the score; it is logsumexp of the class logits, so that sigmoid(score) is the
    probability of being of any of K classes and not of class K + 1, the generated (arXiv 1606.03498, section 5).
    """

    def __init__(
        self,
        features: int,
        classes: int = 0,
        from_classes: bool = False,
        kernels: tuple[int, int] | None = None,  # B, C of minibatch discrimination on the features; None: without
    ) -> None:
        super().__init__()
        if from_classes and not classes:
            raise ValueError("a score made of classes needs classes")
        self.classes = classes
        self.from_classes = from_classes
        self.minibatch = MinibatchDiscrimination(features, *kernels) if kernels else nn.Identity()
        self.output = nn.Linear(features + (kernels[0] if kernels else 0), classes + (not from_classes))

    def forward(self, features: Tensor) -> Verdict:
        output = self.output(self.minibatch(features))
        if self.from_classes:
            return Verdict(torch.logsumexp(output.float(), dim=1), output, features)
        return Verdict(output[:, 0], output[:, 1:] if self.classes else None, features)

"""Linear classifiers with an L2 penalty, fitted to the end of what float32 can tell.

All classes are fitted together by L-BFGS, whose steps are products of matrices. Solvers that take one class after the
other, as that of scikit-learn's LinearSVC, find the same minimum several times slower.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Kind = Literal["svm", "logistic"]
_STEPS = 1000
_GRADIENT, _CHANGE = 1e-5, 1e-6  # where a fit ends: the largest derivative, the last change of the mean loss


def squared_hinge(scores: Tensor, labels: Tensor) -> Tensor:
    """NK, N -> scalar: each class against the rest, max(0, 1 - ys)^2 summed over classes; the mean over images."""
    signs = 2 * F.one_hot(labels, scores.shape[1]) - 1
    return F.relu(1 - signs * scores).square().sum(dim=1).mean()


LOSSES: dict[Kind, Callable[[Tensor, Tensor], Tensor]] = {"svm": squared_hinge, "logistic": F.cross_entropy}


class Linear(NamedTuple):
    """A fitted classifier."""

    weights: Tensor  # KF
    biases: Tensor  # K
    converged: bool  # whether it ended before the largest number of steps

    def answers(self, features: Tensor) -> Tensor:
        """NF -> int64 N."""
        return F.linear(features, self.weights, self.biases).argmax(dim=1)


def fit(kind: Kind, features: Tensor, labels: Tensor, classes: int, c: float, start: Linear | None = None) -> Linear:
    """The minimum of |W|^2 / 2 + C times the sum of the losses over the images; biases are not penalised.

    features: NF; labels: int64 N. start: where to begin, which saves steps; None: at zero.
    """
    weights = features.new_zeros(classes, features.shape[1]) if start is None else start.weights.clone()
    biases = features.new_zeros(classes) if start is None else start.biases.clone()
    optimizer = torch.optim.LBFGS(
        [weights.requires_grad_(), biases.requires_grad_()],
        max_iter=_STEPS,
        tolerance_grad=_GRADIENT,
        tolerance_change=_CHANGE,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def objective() -> float:
        optimizer.zero_grad()
        penalty = weights.square().sum() / (2 * c * len(labels))
        value = LOSSES[kind](F.linear(features, weights, biases), labels) + penalty
        torch.autograd.backward(value)
        number: float = value.item()
        return number

    optimizer.step(objective)  # type: ignore[no-untyped-call]
    return Linear(weights.detach(), biases.detach(), optimizer.state[weights]["n_iter"] < _STEPS)

"""Linear classifiers with an L2 penalty, by scikit-learn, which is an extra."""

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from progan.types import ConfigError

Kind = Literal["svm", "logistic"]
_STEPS = 1000


def require_scikit_learn() -> None:
    """ConfigError where it is not installed."""
    if find_spec("sklearn") is None:
        raise ConfigError("progan probe: scikit-learn is not installed; install it with: pip install 'progan[probe]'")


@dataclass(frozen=True)
class Linear:
    """A fitted classifier."""

    estimator: Any  # of scikit-learn
    converged: bool  # whether it ended before the largest number of steps

    def answers(self, features: Tensor) -> Tensor:
        """NF -> int64 N."""
        return torch.from_numpy(self.estimator.predict(features.numpy()))


def fit(kind: Kind, features: Tensor, labels: Tensor, c: float) -> Linear:
    """The minimum of |W|^2 / 2 + C times the sum of the losses over the images.

    svm: LinearSVC, each class against the rest by the squared hinge, its bias penalised as if it were the weight of a
    feature that is always 1. logistic: LogisticRegression, the cross-entropy of all classes together, biases free.
    features: NF; labels: int64 N, of every class one at least.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    if kind == "svm":
        estimator: Any = LinearSVC(C=c, dual=False, max_iter=_STEPS)
    else:
        estimator = LogisticRegression(C=c, max_iter=_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is part of the result
        estimator.fit(features.numpy(), labels.numpy())
    return Linear(estimator, bool(np.max(estimator.n_iter_) < _STEPS))

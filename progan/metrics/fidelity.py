"""Fréchet Inception distance (arXiv 1706.08500) by torch-fidelity's own functions, so that it equals its FID exactly.

Features are kept as float32 in sample order (50,000 take 410 MB); means and covariances are the library's, because
sums merged in another order or precision are up to 3e-4 away from it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from progan.metrics.features import FEATURES, torch_fidelity
from progan.metrics.gathering import Outcome
from progan.metrics.weights import Weights
from progan.types import DataError

Statistics = dict[str, Any]  # "mu": 2048 values, "sigma": 2048 x 2048, both NumPy


def result_name(count: str, weights: Weights) -> str:
    """`fid` + count with the published weights, else `fd` + count and the first 8 digits of the weights' sha256."""
    return f"fid{count}" if weights.published else f"fd{count}-{weights.sha256[:8]}"


@dataclass(frozen=True)
class FrechetDistance:
    """The family `fid`."""

    features: Callable[[Tensor], Tensor]  # uint8 N3HW -> N x 2048, float32 on the CPU

    def gather(self, resolution: int, images: int, role: str) -> "FeatureGathering":
        return FeatureGathering(images, self.features)

    def compare(self, real: Statistics, fake: Statistics) -> Outcome:
        metric = torch_fidelity("metric_fid")
        return Outcome(float(metric.fid_statistics_to_metric(fake, real, False)[metric.KEY_METRIC_FID]))


class FeatureGathering:
    """Features of a set of images in sample order."""

    def __init__(self, images: int, features: Callable[[Tensor], Tensor]) -> None:
        self._extract = features
        self._features = torch.empty(images, FEATURES)
        self._kept = 0

    def extract(self, first: int, images: Tensor) -> Tensor:
        """images: uint8 N3HW -> N x 2048."""
        return self._extract(images)

    def keep(self, first: int, extracted: Tensor) -> None:
        self._features[first : first + len(extracted)] = extracted
        self._kept += len(extracted)

    def finish(self) -> Statistics:
        """DataError for features that are not finite: their eigenvalues would not exist."""
        assert self._kept == len(self._features)
        if not bool(self._features.isfinite().all()):
            raise DataError("fid: an Inception feature is not finite; check the weights file")
        statistics: Statistics = torch_fidelity("metric_fid").fid_features_to_statistics(self._features)
        return statistics

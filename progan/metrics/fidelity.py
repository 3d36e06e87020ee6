"""FID, KID, Inception score, precision and recall by torch-fidelity's own functions, so that they equal its values.

Features are kept as float32 in sample order (50,000 take 610 MB with the logits); sums merged in another order or
precision are up to 3e-4 away from the library's.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from progan.metrics.features import FeatureNetwork, Features, require_finite, torch_fidelity
from progan.metrics.gathering import Outcome
from progan.types import DataError

VIEW = "features"


@dataclass(frozen=True)
class FeatureFamily:
    """A family of metrics that compares features."""

    network: FeatureNetwork
    summarise: Callable[[Features], Any]
    compared: Callable[[Any, Any], dict[str, Outcome]]  # real, generated -> results by name
    view: Hashable = VIEW

    def gather(self, resolution: int, images: int, role: str) -> "FeatureGathering":
        return FeatureGathering(images, self.network)

    def summary(self, kept: Features, images: slice) -> Any:
        return self.summarise(kept.part(images))

    def compare(self, real: Any, fake: Any) -> dict[str, Outcome]:
        return self.compared(real, fake)


def frechet_distance(network: FeatureNetwork) -> FeatureFamily:
    """The family `fid` (arXiv 1706.08500)."""

    def statistics(features: Features) -> dict[str, Any]:
        found: dict[str, Any] = torch_fidelity("metric_fid").fid_features_to_statistics(features.pooled)
        return found

    def compare(real: dict[str, Any], fake: dict[str, Any]) -> dict[str, Outcome]:
        metric = torch_fidelity("metric_fid")
        return {"fid": Outcome(float(metric.fid_statistics_to_metric(fake, real, False)[metric.KEY_METRIC_FID]))}

    return FeatureFamily(network, statistics, compare)


def kernel_distance(network: FeatureNetwork) -> FeatureFamily:
    """The family `kid` (arXiv 1801.01401): mean over 100 subsets of 1,000, their deviation in the details."""

    def compare(real: Tensor, fake: Tensor) -> dict[str, Outcome]:
        metric = torch_fidelity("metric_kid")
        found = metric.kid_features_to_metric(fake, real, verbose=False)
        return {"kid": Outcome(found[metric.KEY_METRIC_KID_MEAN], {"deviation": found[metric.KEY_METRIC_KID_STD]})}

    return FeatureFamily(network, _pooled, compare)


def inception_score(network: FeatureNetwork) -> FeatureFamily:
    """The family `is` (arXiv 1606.03498): mean over 10 parts, their deviation in the details.

    DataError for a network that gives an image several classes: the score is of one class an image.
    """
    if not network.one_class_each:
        raise DataError(
            f"the score is of one class an image and {network.mark} gives several; train a classifier on one label"
        )

    def score(features: Features) -> Outcome:
        metric = torch_fidelity("metric_isc")
        found = metric.isc_features_to_metric(features.logits)
        return Outcome(found[metric.KEY_METRIC_ISC_MEAN], {"deviation": found[metric.KEY_METRIC_ISC_STD]})

    def compare(real: Outcome | None, fake: Outcome) -> dict[str, Outcome]:
        return {"is": fake}

    return FeatureFamily(network, score, compare)


def precision_and_recall(network: FeatureNetwork) -> FeatureFamily:
    """The family `pr` (arXiv 1904.06991): 3 nearest neighbours."""

    def compare(real: Tensor, fake: Tensor) -> dict[str, Outcome]:
        metric = torch_fidelity("metric_prc")
        # Part by part: the whole matrix of distances between 50,000 and 50,000 would take 10 GB.
        found = metric.prc_features_to_metric(fake, real, save_cpu_ram=True, verbose=False)
        return {
            "precision": Outcome(found[metric.KEY_METRIC_PRECISION]),
            "recall": Outcome(found[metric.KEY_METRIC_RECALL]),
        }

    return FeatureFamily(network, _pooled, compare)


def _pooled(features: Features) -> Tensor:
    return features.pooled


class FeatureGathering:
    """Features of a set of images in sample order."""

    def __init__(self, images: int, network: FeatureNetwork) -> None:
        self._images, self._network = images, network
        self._kept: Features | None = None  # as large as it gets from the first batch on: two copies take too much
        self._count = 0

    def extract(self, first: int, images: Tensor) -> Features:
        """images: uint8 N3HW."""
        return self._network.extract(images)

    def keep(self, first: int, extracted: Features) -> None:
        if self._kept is None:
            self._kept = Features(*(layer.new_empty(self._images, *layer.shape[1:]) for layer in extracted))
        for kept, layer in zip(self._kept, extracted, strict=True):
            kept[first : first + len(layer)] = layer
        self._count += len(extracted.pooled)

    def finish(self) -> Features:
        """DataError for features that are not finite: no distance between them exists."""
        found, self._kept = self._kept, None
        assert found is not None
        assert self._count == self._images
        require_finite(*found)
        return found

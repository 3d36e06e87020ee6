"""Settings of semi-supervised learning with K + 1 classes."""

from typing import Annotated, Literal

from progan.config import NotNegative, unless_named
from progan.systems.settings.labels import require_one_class_an_image
from progan.systems.settings.networks import DenseNetworks, Networks
from progan.systems.settings.pair import PairConfig
from progan.types import DataSpec


class SemiSupervisedConfig(PairConfig):
    """The weights are those that were published for digits."""

    name: Literal["semi-supervised"] = "semi-supervised"
    networks: Annotated[Networks, unless_named("dense")] = DenseNetworks()
    generator_loss: Literal["feature_matching", "logistic"] = "feature_matching"
    supervised_weight: NotNegative = 1.0  # of the cross-entropy on labelled images
    unsupervised_weight: NotNegative = 0.5  # of the game between real and generated images, labels unseen

    @property
    def indivisible(self) -> bool:
        return self.networks.indivisible or self.generator_loss == "feature_matching"

    def check_labels(self, data: DataSpec) -> None:
        require_one_class_an_image(data)

"""Semi-supervised learning with K + 1 classes (Salimans et al. 2016, arXiv 1606.03498, section 5)."""

from typing import Annotated, Literal

from pydantic import Field

from progan.config import unless_named
from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator
from progan.losses.auxiliary import FeatureMatching, Supervised
from progan.losses.objective import Objective, Weighted
from progan.systems.dense import DenseNetworks
from progan.systems.labels import require_one_class_an_image
from progan.systems.networks import Networks
from progan.systems.pair import PairConfig, Shape
from progan.systems.system import System
from progan.types import DataSpec

NotNegative = Annotated[float, Field(ge=0)]
GENERATORS = {"feature_matching": FeatureMatching, "logistic": LogisticGenerator}


class SemiSupervisedConfig(PairConfig):
    """The weights are those that were published for digits."""

    name: Literal["semi-supervised"] = "semi-supervised"
    networks: Annotated[Networks, unless_named("dense")] = DenseNetworks()
    generator_loss: Literal["feature_matching", "logistic"] = "feature_matching"
    supervised_weight: NotNegative = 1.0  # of the cross-entropy on labelled images
    unsupervised_weight: NotNegative = 0.5  # of the game between real and generated images, labels unseen


def build(config: SemiSupervisedConfig, data: DataSpec, resolution: int) -> System:
    """The generator knows no classes. LabelsMissing without labels, ConfigError for several or an unfit size."""
    require_one_class_an_image(data)
    pair = config.networks.build(Shape(resolution, config.latent_space, classes=data.num_classes, from_classes=True))
    # Class K + 1, the generated, has the logit 0: not to be of it has the probability sigmoid(logsumexp), D's score.
    judging = [
        Weighted("supervised", Supervised(), config.supervised_weight),
        Weighted("logistic", LogisticDiscriminator(), config.unsupervised_weight),
    ]
    matches = config.generator_loss == "feature_matching"
    return System(
        **pair._replace(indivisible=pair.indivisible or matches)._asdict(),
        objectives={
            "discriminator": Objective(judging),
            "generator": Objective([Weighted(config.generator_loss, GENERATORS[config.generator_loss]())]),
        },
        resolution=resolution,
        latents=config.latent_space,
    )

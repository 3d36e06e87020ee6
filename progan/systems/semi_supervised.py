"""Semi-supervised learning with K + 1 classes (Salimans et al. 2016, arXiv 1606.03498, section 5)."""

from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator
from progan.losses.auxiliary import FeatureMatching, Supervised
from progan.losses.objective import Objective, Weighted
from progan.systems.networks import build_pair
from progan.systems.pair import Shape
from progan.systems.settings.semi_supervised import SemiSupervisedConfig
from progan.systems.system import System
from progan.types import DataSpec

GENERATORS = {"feature_matching": FeatureMatching, "logistic": LogisticGenerator}


def build(config: SemiSupervisedConfig, data: DataSpec, resolution: int) -> System:
    """The generator knows no classes."""
    shape = Shape(resolution, config.latent_space, classes=data.num_classes, from_classes=True)
    pair = build_pair(config.networks, shape)
    # Class K + 1, the generated, has the logit 0: not to be of it has the probability sigmoid(logsumexp), D's score.
    judging = [
        Weighted("supervised", Supervised(), config.supervised_weight),
        Weighted("logistic", LogisticDiscriminator(), config.unsupervised_weight),
    ]
    return System(
        **pair._asdict(),
        objectives={
            "discriminator": Objective(judging),
            "generator": Objective([Weighted(config.generator_loss, GENERATORS[config.generator_loss]())]),
        },
        resolution=resolution,
        latents=config.latent_space,
    )

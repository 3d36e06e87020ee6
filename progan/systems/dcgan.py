"""DCGAN (Radford et al. 2016, arXiv 1511.06434): strided convolutions, the non-saturating loss.

With it the techniques of Salimans et al. 2016 (arXiv 1606.03498, section 3), each by itself or together.
"""

from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator
from progan.losses.auxiliary import FeatureMatching
from progan.losses.history import HistoricalAverage
from progan.losses.objective import Objective, Weighted
from progan.systems.networks import build_pair
from progan.systems.pair import Shape
from progan.systems.settings.dcgan import DcganConfig
from progan.systems.system import System
from progan.types import DataSpec, Role


def build(config: DcganConfig, data: DataSpec, resolution: int) -> System:
    """Labels are not looked at."""
    pair = build_pair(config.networks, Shape(resolution, config.latent_space))
    steps: list[Role] = ["generator"] * config.generator_steps
    return System(
        **pair._asdict(),
        objectives={
            "discriminator": _objective(
                Weighted("logistic", LogisticDiscriminator(config.real_target)),
                Weighted("history", HistoricalAverage(pair.discriminator), config.history_weight),
            ),
            "generator": _objective(
                Weighted("logistic", LogisticGenerator(), config.logistic_weight),
                Weighted("feature_matching", FeatureMatching(), config.feature_matching_weight),
                Weighted("history", HistoricalAverage(pair.generator), config.history_weight),
            ),
        },
        resolution=resolution,
        latents=config.latent_space,
        order=("discriminator", *steps),
    )


def _objective(*rows: Weighted) -> Objective:
    """Of the rows that count."""
    return Objective(row for row in rows if row.weight)

"""The first GANs (Goodfellow et al. 2014, arXiv 1406.2661): algorithm 1, on dense or convolutional networks."""

from collections.abc import Callable

from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator, MinimaxGenerator
from progan.losses.objective import Objective, Weighted
from progan.systems.networks import build_pair
from progan.systems.pair import Shape
from progan.systems.settings.vanilla import VanillaConfig
from progan.systems.system import System
from progan.types import DataSpec, Role

# The generator's term in each form, by its name in the logs.
FORMS: dict[str, Callable[[], Weighted]] = {
    "minimax": lambda: Weighted("minimax", MinimaxGenerator()),
    "non-saturating": lambda: Weighted("logistic", LogisticGenerator()),
}


def build(config: VanillaConfig, data: DataSpec, resolution: int) -> System:
    """Labels are not looked at."""
    steps: list[Role] = ["discriminator"] * config.discriminator_steps
    pair = build_pair(config.networks, Shape(resolution, config.latent_space))
    return System(
        **pair._asdict(),
        objectives={
            "discriminator": Objective([Weighted("logistic", LogisticDiscriminator())]),
            "generator": Objective([FORMS[config.loss]()]),
        },
        resolution=resolution,
        latents=config.latent_space,
        order=(*steps, "generator"),
    )

"""The first GANs (Goodfellow et al. 2014, arXiv 1406.2661): algorithm 1, on dense or convolutional networks."""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from progan.config import unless_named
from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator, MinimaxGenerator
from progan.losses.objective import Objective, Weighted
from progan.systems.dense import DenseNetworks
from progan.systems.networks import Networks
from progan.systems.pair import PairConfig, Shape
from progan.systems.system import Role, System
from progan.types import DataSpec

# The generator's term in each form, by its name in the logs.
FORMS: dict[str, Callable[[], Weighted]] = {
    "minimax": lambda: Weighted("minimax", MinimaxGenerator()),
    "non-saturating": lambda: Weighted("logistic", LogisticGenerator()),
}


class VanillaConfig(PairConfig):
    """The defaults are the MNIST variant."""

    name: Literal["vanilla"] = "vanilla"
    latents: Literal["normal", "uniform"] = "normal"
    networks: Annotated[Networks, unless_named("dense")] = DenseNetworks()
    loss: Literal["minimax", "non-saturating"] = "non-saturating"  # the generator's
    discriminator_steps: Annotated[int, Field(ge=1)] = 1  # k of algorithm 1, each on a minibatch of its own


def build(config: VanillaConfig, data: DataSpec, resolution: int) -> System:
    """Labels are not looked at. ConfigError where the networks do not fit the resolution."""
    steps: list[Role] = ["discriminator"] * config.discriminator_steps
    pair = config.networks.build(Shape(resolution, config.latent_space))
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

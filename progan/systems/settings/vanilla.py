"""Settings of the first GANs."""

from typing import Annotated, Literal

from pydantic import Field

from progan.config import unless_named
from progan.systems.settings.networks import DenseNetworks, Networks
from progan.systems.settings.pair import PairConfig


class VanillaConfig(PairConfig):
    """The defaults are the MNIST variant."""

    name: Literal["vanilla"] = "vanilla"
    latents: Literal["normal", "uniform"] = "normal"
    networks: Annotated[Networks, unless_named("dense")] = DenseNetworks()
    loss: Literal["minimax", "non-saturating"] = "non-saturating"  # the generator's
    discriminator_steps: Annotated[int, Field(ge=1)] = 1  # k of algorithm 1, each on a minibatch of its own

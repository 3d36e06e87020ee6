"""Settings of DCGAN and of the techniques of Salimans et al. 2016 (arXiv 1606.03498)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from progan.config import NotNegative, unless_named
from progan.systems.settings.networks import ConvolutionalNetworks, Networks
from progan.systems.settings.pair import PairConfig


class DcganConfig(PairConfig):
    """The defaults are those of digits of 28 px: two steps of the generator for each of the discriminator."""

    name: Literal["dcgan"] = "dcgan"
    networks: Annotated[Networks, unless_named("convolutional")] = ConvolutionalNetworks()
    generator_steps: Annotated[int, Field(ge=1)] = 2  # after each of the discriminator, on latents of their own
    # Improved techniques (arXiv 1606.03498). Two more are settings of the networks: norm, minibatch_kernels.
    real_target: Annotated[float, Field(gt=0.5, le=1)] = 1.0  # of D on real images; below 1: one-sided label smoothing
    logistic_weight: NotNegative = 1.0  # of the game itself in the generator's loss
    feature_matching_weight: NotNegative = 0.0  # in the generator's loss; alone where logistic_weight is 0
    history_weight: NotNegative = 0.0  # of historical averaging in the loss of each player

    @property
    def indivisible(self) -> bool:
        return self.networks.indivisible or self.feature_matching_weight > 0

    @model_validator(mode="after")
    def _generator_learns(self) -> "DcganConfig":
        if not self.logistic_weight and not self.feature_matching_weight:
            raise ValueError("logistic_weight and feature_matching_weight are both 0; the generator needs one of them")
        return self

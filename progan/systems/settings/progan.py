"""Settings of progressive growing."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from progan.config import NotNegative, Positive, Settings, unless_named
from progan.types import DataSpec


class WassersteinLoss(Settings):
    """WGAN-GP with drift: the published loss."""

    name: Literal["wgan-gp"] = "wgan-gp"
    gradient_penalty: NotNegative = 10.0  # weight, of the excess as a share of the target
    target: Positive = 1.0  # gradient norm the penalty pulls to
    # Of the global batch, for the penalty: 1 is published, less is faster (the penalty is a third of a round).
    penalty_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    drift: NotNegative = 0.001  # weight


class LogisticR1Loss(Settings):
    """Non-saturating logistic loss with a lazy R1 penalty: cheaper than the published loss, and better."""

    name: Literal["logistic-r1"] = "logistic-r1"
    gamma: NotNegative | None = None  # weight of R1; None: gamma_scale * 0.0002 * resolution^2 / batch
    gamma_scale: NotNegative = 1.0  # factor of that rule
    every: Annotated[int, Field(ge=1)] = 16  # rounds between penalties


class RelativisticLoss(Settings):
    """Relativistic pairing with R1 and R2 in every round (R3GAN, arXiv 2501.05441, without its schedules)."""

    name: Literal["relativistic"] = "relativistic"
    gamma: NotNegative | None = None  # weight of R1 and of R2; None: gamma_scale * 0.0002 * resolution^2 / batch
    gamma_scale: NotNegative = 1.0  # factor of that rule
    every: Annotated[int, Field(ge=1)] = 1  # rounds between penalties


Loss = Annotated[
    WassersteinLoss | LogisticR1Loss | RelativisticLoss, Field(discriminator="name"), unless_named("wgan-gp")
]


class ProganConfig(Settings):
    """The defaults are the published networks and loss."""

    grows: ClassVar[bool] = True
    first_images: ClassVar[int] = 0  # see `PairConfig`
    indivisible: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    name: Literal["progan"] = "progan"
    latent_dim: Annotated[int, Field(ge=1)] = 512
    maps_base: Annotated[int, Field(ge=16)] = 8192  # feature maps at 2^r px: min(maps_base / 2^(r-1), maps_max)
    maps_max: Annotated[int, Field(ge=1)] = 512
    pixel_norm: bool = True  # behind the generator's layers; latents are normalized always
    equalized: bool = True  # weights of unit variance, scaled at run time; false: He's initial weights as they are
    stddev_group: Annotated[int, Field(ge=2)] | None = 4  # samples of the minibatch statistic; null: none
    loss: Loss = WassersteinLoss()
    label_weight: NotNegative = 1.0  # of the label loss, where the data have labels: one class an image or several
    label_real_weight: NotNegative | None = None  # of that loss on real images; None: label_weight

    @property
    def group(self) -> int:
        return self.stddev_group or 1

    def check_resolution(self, resolution: int) -> None:
        """Whether it is a power of two, all settings together say."""

    def check_labels(self, data: DataSpec) -> None:
        """Any will do, and none."""

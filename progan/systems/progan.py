"""Progressive growing of GANs (Karras et al. 2018, arXiv 1710.10196)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from progan.config import Settings, unless_named
from progan.losses.adversarial import (
    Drift,
    LogisticDiscriminator,
    LogisticGenerator,
    WassersteinCritic,
    WassersteinGenerator,
)
from progan.losses.auxiliary import FakeLabel, RealLabel
from progan.losses.objective import Objective, Weighted
from progan.losses.penalties import R1, GradientPenalty
from progan.networks.progressive import ProgressiveDiscriminator, ProgressiveGenerator
from progan.systems.system import Role, System
from progan.types import DataSpec, LatentSpace

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class WassersteinLoss(Settings):
    """WGAN-GP with drift: the published loss."""

    name: Literal["wgan-gp"] = "wgan-gp"
    gradient_penalty: NotNegative = 10.0  # weight, of the excess as a share of the target
    target: Positive = 1.0  # gradient norm the penalty pulls to
    # Of a process's images, for the penalty: 1 is published, less is faster (the penalty is a third of a round).
    penalty_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    drift: NotNegative = 0.001  # weight

    def objectives(self, group: int) -> dict[Role, list[Weighted]]:
        """group: samples of a group of the minibatch statistic."""
        penalty = GradientPenalty(self.target, self.penalty_share, group)
        return {
            "discriminator": [
                Weighted("wasserstein", WassersteinCritic()),
                Weighted("gradient_penalty", penalty, self.gradient_penalty / self.target**2),
                Weighted("drift", Drift(), self.drift),
            ],
            "generator": [Weighted("wasserstein", WassersteinGenerator())],
        }


class LogisticR1Loss(Settings):
    """Non-saturating logistic loss with a lazy R1 penalty: cheaper than the published loss, and better."""

    name: Literal["logistic-r1"] = "logistic-r1"
    gamma: NotNegative | None = None  # weight of R1; None: gamma_scale * 0.0002 * resolution^2 / batch
    gamma_scale: NotNegative = 1.0  # factor of that rule
    every: Annotated[int, Field(ge=1)] = 16  # rounds between penalties

    def objectives(self, group: int) -> dict[Role, list[Weighted]]:
        return {
            "discriminator": [
                Weighted("logistic", LogisticDiscriminator()),
                Weighted("r1", R1(self.gamma, self.gamma_scale, self.every)),
            ],
            "generator": [Weighted("logistic", LogisticGenerator())],
        }


Loss = Annotated[WassersteinLoss | LogisticR1Loss, Field(discriminator="name"), unless_named("wgan-gp")]


class ProganConfig(Settings):
    """The defaults are the published networks and loss."""

    grows: ClassVar[bool] = True
    name: Literal["progan"] = "progan"
    latent_dim: Annotated[int, Field(ge=1)] = 512
    maps_base: Annotated[int, Field(ge=16)] = 8192  # feature maps at 2^r px: min(maps_base / 2^(r-1), maps_max)
    maps_max: Annotated[int, Field(ge=1)] = 512
    pixel_norm: bool = True  # in the generator
    stddev_group: Annotated[int, Field(ge=2)] | None = 4  # samples of the minibatch statistic; null: none
    loss: Loss = WassersteinLoss()
    label_weight: NotNegative = 1.0  # of the label loss, where the data have labels: one class an image or several
    label_real_weight: NotNegative | None = None  # of that loss on real images; None: label_weight


def build(config: ProganConfig, data: DataSpec, resolution: int) -> System:
    """The system for images of `data` grown to `resolution` pixels; weights are drawn from torch's global generator."""
    maps = {"base": config.maps_base, "maximum": config.maps_max, "channels": data.channels}
    rows = config.loss.objectives(config.stddev_group or 1)
    if data.num_classes:
        real_weight = config.label_weight if config.label_real_weight is None else config.label_real_weight
        on_fake = Weighted("label_fake", FakeLabel(), config.label_weight)
        rows["discriminator"] += [Weighted("label_real", RealLabel(), real_weight), on_fake]
        rows["generator"].append(on_fake)
    return System(
        generator=ProgressiveGenerator(
            resolution, config.latent_dim, data.num_classes, pixel_norm=config.pixel_norm, **maps
        ),
        discriminator=ProgressiveDiscriminator(resolution, data.num_classes, group=config.stddev_group, **maps),
        objectives={"discriminator": Objective(rows["discriminator"]), "generator": Objective(rows["generator"])},
        resolution=resolution,
        latents=LatentSpace(config.latent_dim),
        labels=data.label_space,
        group=config.stddev_group or 1,
    )

"""Progressive growing of GANs (Karras et al. 2018, arXiv 1710.10196)."""

from progan.losses.adversarial import (
    Drift,
    LogisticDiscriminator,
    LogisticGenerator,
    RelativisticDiscriminator,
    RelativisticGenerator,
    WassersteinCritic,
    WassersteinGenerator,
)
from progan.losses.auxiliary import FakeLabel, RealLabel
from progan.losses.objective import Objective, Weighted
from progan.losses.penalties import R1, R2, GradientPenalty
from progan.networks.progressive import ProgressiveDiscriminator, ProgressiveGenerator
from progan.nn.equalized import unequalize
from progan.systems.settings.progan import LogisticR1Loss, Loss, ProganConfig, RelativisticLoss, WassersteinLoss
from progan.systems.system import System
from progan.types import DataSpec, LatentSpace, Role


def build(config: ProganConfig, data: DataSpec, resolution: int) -> System:
    """The system for images of `data` grown to `resolution` pixels; weights are drawn from torch's global generator."""
    maps = {"base": config.maps_base, "maximum": config.maps_max, "channels": data.channels}
    rows = loss_terms(config.loss, config.group)
    if data.num_classes:
        real_weight = config.label_weight if config.label_real_weight is None else config.label_real_weight
        on_fake = Weighted("label_fake", FakeLabel(), config.label_weight)
        rows["discriminator"] += [Weighted("label_real", RealLabel(), real_weight), on_fake]
        rows["generator"].append(on_fake)
    generator = ProgressiveGenerator(
        resolution, config.latent_dim, data.num_classes, pixel_norm=config.pixel_norm, **maps
    )
    discriminator = ProgressiveDiscriminator(resolution, data.num_classes, group=config.stddev_group, **maps)
    if not config.equalized:
        unequalize(generator)
        unequalize(discriminator)
    return System(
        generator=generator,
        discriminator=discriminator,
        objectives={"discriminator": Objective(rows["discriminator"]), "generator": Objective(rows["generator"])},
        resolution=resolution,
        latents=LatentSpace(config.latent_dim),
        labels=data.label_space,
        group=config.group,
    )


def loss_terms(loss: Loss, group: int) -> dict[Role, list[Weighted]]:
    """group: samples of a group of the minibatch statistic."""
    if isinstance(loss, WassersteinLoss):
        return _wasserstein(loss, group)
    return _logistic(loss) if isinstance(loss, LogisticR1Loss) else _relativistic(loss)


def _wasserstein(loss: WassersteinLoss, group: int) -> dict[Role, list[Weighted]]:
    penalty = GradientPenalty(loss.target, loss.penalty_share, group)
    return {
        "discriminator": [
            Weighted("wasserstein", WassersteinCritic()),
            Weighted("gradient_penalty", penalty, loss.gradient_penalty / loss.target**2),
            Weighted("drift", Drift(), loss.drift),
        ],
        "generator": [Weighted("wasserstein", WassersteinGenerator())],
    }


def _logistic(loss: LogisticR1Loss) -> dict[Role, list[Weighted]]:
    return {
        "discriminator": [
            Weighted("logistic", LogisticDiscriminator()),
            Weighted("r1", R1(loss.gamma, loss.gamma_scale, loss.every)),
        ],
        "generator": [Weighted("logistic", LogisticGenerator())],
    }


def _relativistic(loss: RelativisticLoss) -> dict[Role, list[Weighted]]:
    return {
        "discriminator": [
            Weighted("relativistic", RelativisticDiscriminator()),
            Weighted("r1", R1(loss.gamma, loss.gamma_scale, loss.every)),
            Weighted("r2", R2(loss.gamma, loss.gamma_scale, loss.every)),
        ],
        "generator": [Weighted("relativistic", RelativisticGenerator())],
    }

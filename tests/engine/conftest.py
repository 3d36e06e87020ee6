"""A small progan on random images, as every engine test trains it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from drawn_images import RandomImages

from progan.distributed.world import World
from progan.engine.rounds import Rules
from progan.engine.settings import OptimConfig
from progan.engine.train import Training, start
from progan.schedule import ProgressiveConfig, Schedule, progressive
from progan.systems.settings.progan import LogisticR1Loss, ProganConfig, WassersteinLoss
from progan.systems.table import build
from progan.types import DataSpec

RESOLUTION = 8
DATA = DataSpec(resolutions=(4, 8), count=64, classes=(), fingerprint="none")


@dataclass(frozen=True)
class Setup:
    config: ProganConfig
    schedule: Schedule
    optim: OptimConfig
    rules: Rules
    data: DataSpec = DATA

    def fresh(self) -> Training:
        torch.manual_seed(0)
        return start(build(self.config, self.data, RESOLUTION), self.optim)


@pytest.fixture
def reals() -> RandomImages:
    return RandomImages()


@pytest.fixture
def setup() -> Callable[..., Setup]:
    def make(loss: str = "wgan-gp", tick: int = 64, world: World | None = None, **optim: object) -> Setup:
        chosen = WassersteinLoss() if loss == "wgan-gp" else LogisticR1Loss(every=2)
        config = ProganConfig(latent_dim=8, maps_base=32, maps_max=8, loss=chosen)
        # 64 images at 4 px, 96 fading to 8 px, 64 stable.
        growing = ProgressiveConfig(
            resolution=RESOLUTION, fade_kimg=0.096, stable_kimg=0.064, batch={4: 16, 8: 8}, lr={8: 0.002}
        )
        settings = OptimConfig.model_validate({"ema_half_life_kimg": 0.05} | optim)
        rules = Rules(0, settings, True, tick, world or World(), torch.device("cpu"))
        return Setup(config, progressive(growing, settings.lr), settings, rules)

    return make

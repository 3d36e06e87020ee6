"""The root of the settings: composes the parts declared beside the code they configure.

All of them are known without torch, which takes seconds to import.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from progan import schedule
from progan.config import Settings, validate
from progan.data.settings import DataConfig
from progan.engine.settings import OptimConfig
from progan.metrics.settings import EvaluationConfig
from progan.rundir import RunDirectory
from progan.schedule import ConstantConfig, Kimg, Schedule, ScheduleConfig
from progan.systems.settings import SystemConfig
from progan.systems.settings.progan import ProganConfig
from progan.types import ConfigError, DataSpec, is_power_of_two

if TYPE_CHECKING:
    from progan.systems.system import System


class CadenceConfig(Settings):
    """How often what is written, in thousands of images seen."""

    tick_kimg: Kimg = 4.0  # a line of statistics
    sample_kimg: Kimg = 100.0  # a grid of the fixed latents; every checkpoint writes one too
    checkpoint_kimg: Kimg = 200.0  # training state and snapshot
    compare_ranks_rounds: Annotated[int, Field(ge=1)] = 100  # do all processes still hold the same weights?
    patience_minutes: Annotated[float, Field(gt=0)] = 30.0  # for a process that stands still while others wait for it
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2  # newest training states kept; snapshots are all kept

    @property
    def tick_images(self) -> int:
        return round(self.tick_kimg * 1000)


class Config(Settings):
    """All settings of a training."""

    seed: int = 0  # of weights, latents, data order, mirroring: everything drawn
    data: DataConfig
    system: SystemConfig = ProganConfig()
    schedule: ScheduleConfig
    optim: OptimConfig = OptimConfig()
    cadence: CadenceConfig = CadenceConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @model_validator(mode="after")
    def _grows_if_it_can(self) -> "Config":
        if not self.system.grows and not isinstance(self.schedule, ConstantConfig):
            raise ValueError(f"schedule.name: the networks of {self.system.name} do not grow; choose constant")
        resolution = self.schedule.resolution
        if self.system.grows and not is_power_of_two(resolution):
            raise ValueError(f"schedule.resolution: {self.system.name} doubles from 4 px: no way to {resolution} px")
        return self


def config_of(run: RunDirectory) -> Config:
    """The settings a run was begun with; DataError where there is none, ConfigError where they are not valid now."""
    tree = run.read_config()
    try:
        return validate(Config, tree)
    except ConfigError as error:
        raise ConfigError(f"{run.config}: {error}") from None


def untrained_system(config: Config, data: DataSpec) -> "System":
    """The system as training begins with it: the same weights for the same seed on every rank and device."""
    import torch

    from progan.random import key
    from progan.systems.table import build

    torch.manual_seed(key(config.seed, "weights", 0))
    try:
        return build(config.system, data, config.schedule.resolution)
    except RuntimeError as error:
        if "can't allocate" not in str(error):
            raise
        raise ConfigError(
            f"system: {config.system.name} of these sizes does not fit in memory; make it smaller"
        ) from None


def make_schedule(config: Config) -> Schedule:
    """The phases of the training."""
    return schedule.make_schedule(config.schedule, config.optim.lr)

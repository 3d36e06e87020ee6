"""The table of systems. To add one: write its file, add its row here and its settings to `SystemConfig`."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from progan.config import Settings, unless_named, validate
from progan.systems import acgan, conditional, dcgan, gan_cls, progan, semi_supervised, vanilla
from progan.systems.system import System
from progan.types import DataSpec

SystemConfig = Annotated[
    progan.ProganConfig
    | vanilla.VanillaConfig
    | dcgan.DcganConfig
    | conditional.ConditionalConfig
    | acgan.AcganConfig
    | gan_cls.GanClsConfig
    | semi_supervised.SemiSupervisedConfig,
    Field(discriminator="name"),
    unless_named("progan"),
]

# name -> build(settings, data, final resolution)
SYSTEMS: dict[str, Callable[[Any, DataSpec, int], System]] = {
    "progan": progan.build,
    "vanilla": vanilla.build,
    "dcgan": dcgan.build,
    "conditional": conditional.build,
    "acgan": acgan.build,
    "gan-cls": gan_cls.build,
    "semi-supervised": semi_supervised.build,
}


class _Stored(Settings):
    system: SystemConfig


def build(config: SystemConfig, data: DataSpec, resolution: int) -> System:
    """ConfigError or DataError where the data do not fit the system."""
    return SYSTEMS[config.name](config, data, resolution)


def read_config(tree: Any) -> SystemConfig:
    """Settings of a system from JSON. ConfigError if they are none."""
    return validate(_Stored, {"system": tree}).system

"""The table of systems.

To add one: write its file and its settings in settings/, add its row here and the settings to `SystemConfig`.
"""

from collections.abc import Callable
from typing import Any

from progan.systems import acgan, conditional, dcgan, gan_cls, progan, semi_supervised, vanilla
from progan.systems.settings import SystemConfig
from progan.systems.system import System
from progan.types import DataSpec

# name -> build(settings, data, final resolution), of data that the settings let pass
SYSTEMS: dict[str, Callable[[Any, DataSpec, int], System]] = {
    "progan": progan.build,
    "vanilla": vanilla.build,
    "dcgan": dcgan.build,
    "conditional": conditional.build,
    "acgan": acgan.build,
    "gan-cls": gan_cls.build,
    "semi-supervised": semi_supervised.build,
}


def build(config: SystemConfig, data: DataSpec, resolution: int) -> System:
    """Weights are drawn from torch's global generator. ConfigError where data or resolution do not fit."""
    config.check_labels(data)
    config.check_resolution(resolution)
    return SYSTEMS[config.name](config, data, resolution)

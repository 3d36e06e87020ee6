"""The table of systems. To add one: write its file, add its row here and its settings to `SystemConfig`."""

from collections.abc import Callable
from typing import Any

from progan.systems import progan
from progan.systems.system import System
from progan.types import DataSpec

SystemConfig = progan.ProganConfig

# name -> build(settings, data, final resolution)
SYSTEMS: dict[str, Callable[[Any, DataSpec, int], System]] = {
    "progan": progan.build,
}


def build(config: SystemConfig, data: DataSpec, resolution: int) -> System:
    return SYSTEMS[config.name](config, data, resolution)

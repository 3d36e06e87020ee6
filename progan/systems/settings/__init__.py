"""The settings of systems, and what they demand of the data: known without torch, which takes seconds to import."""

from typing import Annotated, Any

from pydantic import Field

from progan.config import Settings, unless_named, validate
from progan.systems.settings.acgan import AcganConfig
from progan.systems.settings.conditional import ConditionalConfig
from progan.systems.settings.dcgan import DcganConfig
from progan.systems.settings.gan_cls import GanClsConfig
from progan.systems.settings.progan import ProganConfig
from progan.systems.settings.semi_supervised import SemiSupervisedConfig
from progan.systems.settings.vanilla import VanillaConfig

SystemConfig = Annotated[
    ProganConfig | VanillaConfig | DcganConfig | ConditionalConfig | AcganConfig | GanClsConfig | SemiSupervisedConfig,
    Field(discriminator="name"),
    unless_named("progan"),
]


class _Stored(Settings):
    system: SystemConfig


def read_config(tree: Any) -> SystemConfig:
    """Settings of a system from JSON. ConfigError if they are none."""
    return validate(_Stored, {"system": tree}).system

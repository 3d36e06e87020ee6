"""Settings of conditional GANs."""

from typing import Annotated, Literal

from progan.config import unless_named
from progan.systems.settings.labels import require_labels
from progan.systems.settings.networks import DenseNetworks, Networks
from progan.systems.settings.pair import PairConfig
from progan.types import DataSpec


class ConditionalConfig(PairConfig):
    """The defaults are for digits."""

    name: Literal["conditional"] = "conditional"
    networks: Annotated[Networks, unless_named("dense")] = DenseNetworks()

    def check_labels(self, data: DataSpec) -> None:
        require_labels(data, self.name)

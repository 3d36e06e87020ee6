"""What the settings of every system built of a pair of networks begin with."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from progan.config import Settings
from progan.systems.settings.networks import Networks
from progan.types import DataSpec, LatentSpace


class PairConfig(Settings):
    """Of networks that do not grow; which ones where none are named, each system says itself."""

    grows: ClassVar[bool] = False
    group: ClassVar[int] = 1  # see `System`
    name: str
    latent_dim: Annotated[int, Field(ge=1)] = 100
    latents: Literal["normal", "uniform"] = "uniform"  # N(0, 1) or U(-1, 1), each coordinate
    networks: Networks

    @property
    def latent_space(self) -> LatentSpace:
        return LatentSpace(self.latent_dim, self.latents)

    @property
    def indivisible(self) -> bool:
        """See `System`."""
        return self.networks.indivisible

    def check(self, data: DataSpec, resolution: int) -> None:
        """ConfigError where networks or data do not fit each other; LabelsMissing where the data lack labels."""
        self.networks.check(resolution, self.latent_dim)

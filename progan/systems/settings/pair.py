"""What the settings of every system built of a pair of networks begin with."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from progan.config import Settings
from progan.systems.settings.networks import Networks
from progan.types import DataSpec, LatentSpace


class PairConfig(Settings):
    """Of networks that do not grow; which ones where none are named, each system says itself."""

    grows: ClassVar[bool] = False
    group: ClassVar[int] = 1  # consecutive samples a layer treats together
    name: str
    latent_dim: Annotated[int, Field(ge=1)] = 100
    latents: Literal["normal", "uniform"] = "uniform"  # N(0, 1) or U(-1, 1), each coordinate
    networks: Networks

    @property
    def latent_space(self) -> LatentSpace:
        return LatentSpace(self.latent_dim, self.latents)

    @property
    def first_images(self) -> int:
        """Real ones that the first batch must have at least, for they stay in use."""
        return self.networks.first_images

    @property
    def indivisible(self) -> bool:
        """Whether a layer or term treats a process's whole share of a batch together (batch norm, a mean over samples).

        Such a share cannot be played in parts, and several processes train nearly, but not exactly, what one does.
        """
        return self.networks.indivisible

    @property
    def draws(self) -> bool:
        """Whether layers draw while they learn (dropout, noise): each process, and each part of a batch, its own."""
        return self.networks.draws

    def check_resolution(self, resolution: int) -> None:
        """ConfigError where the networks do not lead to it."""
        self.networks.check(resolution, self.latent_dim)

    def check_labels(self, data: DataSpec) -> None:
        """LabelsMissing for data without the labels that are needed, ConfigError for labels of another kind."""

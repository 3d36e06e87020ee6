"""Settings of GAN-CLS, text to image."""

from typing import Annotated, Literal

from pydantic import model_validator

from progan.config import Count, unless_named
from progan.systems.settings.labels import require_attributes
from progan.systems.settings.networks import ConvolutionalNetworks
from progan.systems.settings.pair import PairConfig
from progan.types import DataSpec


class GanClsConfig(PairConfig):
    """The defaults are the published sizes, on networks for images of 28 px."""

    name: Literal["gan-cls"] = "gan-cls"
    latents: Literal["normal", "uniform"] = "normal"
    networks: Annotated[ConvolutionalNetworks, unless_named("convolutional")] = ConvolutionalNetworks()
    words: Count = 64  # size of a word's vector
    text: Count = 128  # size of what a network makes of a caption; each has its own reader

    @property
    def indivisible(self) -> bool:
        return True

    def check_labels(self, data: DataSpec) -> None:
        require_attributes(data, self.name)

    @model_validator(mode="after")
    def _norm_needs_no_captions(self) -> "GanClsConfig":
        if self.networks.norm == "virtual":
            raise ValueError("networks.norm is virtual, and its reference batch has no captions; take batch or none")
        return self

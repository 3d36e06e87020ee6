"""Settings of auxiliary classifier GANs."""

from typing import Annotated, Literal

from progan.config import NotNegative, unless_named
from progan.systems.settings.labels import require_labels
from progan.systems.settings.networks import ConvolutionalNetworks, Networks
from progan.systems.settings.pair import PairConfig
from progan.types import DataSpec


class AcganConfig(PairConfig):
    """The defaults are the published losses, the generator's in its non-saturating form.

    Images without a label take part in the game, not in the label loss.
    """

    name: Literal["acgan"] = "acgan"
    latents: Literal["normal", "uniform"] = "normal"
    networks: Annotated[Networks, unless_named("convolutional")] = ConvolutionalNetworks()
    label_real_weight: NotNegative = 1.0  # of the label loss on real images; above the next one: weighted AC-GAN
    label_fake_weight: NotNegative = 1.0  # of the label loss on generated images, which both players make small

    def check_labels(self, data: DataSpec) -> None:
        require_labels(data, self.name)

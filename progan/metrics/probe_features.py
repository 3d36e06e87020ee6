"""What linear probes are shown of images: their pixels, or what a discriminator makes of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from progan.data.labelled import LabelledImages
from progan.data.reals import to_reals
from progan.metrics.precision import published_precision
from progan.metrics.thumbnails import averaged
from progan.types import UNLABELLED, ConfigError, LabelSpace

Layers = Literal["last", "all"]
PIXELS_SIDE = 32  # px: larger images are averaged down to it
POOLED_SIDE = 4  # of the maps of each layer
CALIBRATION = 6400  # images
BATCH = 64  # images, a multiple of any group that a layer treats together

RULES = {
    "pixels": f"of at most {PIXELS_SIDE} x {PIXELS_SIDE} px, averaged down to that; one colour of grey images",
    "norms": f"statistics of batch normalisation are measured on {CALIBRATION} training images, without their labels",
    "labels": "the discriminator is told none",
}

Look = Callable[[Tensor], Tensor]  # uint8 N3RR -> NF, float32 on the CPU
Progress = Callable[[int, int], None]  # images done, of how many


def batches(images: LabelledImages, end: int) -> Iterator[Tensor]:
    """Uint8 N3RR of BATCH images up to number `end`; the last is filled up, from the set's beginning if need be."""
    for first in range(0, end, BATCH):
        yield images.read(np.arange(first, first + BATCH) % len(images)).images


def features_of(images: LabelledImages, look: Look, progress: Progress) -> Tensor:
    """NF, of all labelled images in their order."""
    total, found = len(images), []
    for number, batch in enumerate(batches(images, total), start=1):
        found.append(look(batch))
        progress(min(number * BATCH, total), total)
    return torch.cat(found)[:total]


def pixels_of(learned: LabelledImages) -> Look:
    """The pixels of at most 32 x 32 px; of one colour alone where all of `learned` are grey."""
    grey = all(torch.equal(batch, batch[:, :1].expand_as(batch)) for batch in batches(learned, len(learned)))
    return lambda images: averaged(images[:, :1] if grey else images, PIXELS_SIDE).flatten(1)


class Discriminating:
    """A discriminator whose features are looked at. It is told no labels."""

    def __init__(self, network: nn.Module, labels: LabelSpace, fade: float, device: torch.device) -> None:
        """network: (images N3RR, labels) -> Verdict. labels: that it could be given. fade: see `to_reals`."""
        self.network = network.to(device).eval()
        self.device = device
        self._labels, self._fade = labels, fade

    def reals(self, images: Tensor) -> Tensor:
        """Uint8 N3RR as the network takes them."""
        return to_reals(images.to(self.device), fade=self._fade)

    def features(self, reals: Tensor) -> Tensor:
        """N3RR -> NF. ConfigError where the network names none."""
        shape = (len(reals), self._labels.classes) if self._labels.several else (len(reals),)
        found: Tensor | None = self.network(reals, torch.full(shape, UNLABELLED, device=self.device)).features
        if found is None:
            raise ConfigError(f"--features: {type(self.network).__name__} names no features; ask for pixels alone")
        return found

    def look(self, images: Tensor) -> Tensor:
        """Uint8 N3RR -> NF: the features that the verdict names."""
        with published_precision(self.device):
            return self.features(self.reals(images)).float().cpu()

    def look_at_all(self, images: Tensor) -> Tensor:
        """Uint8 N3RR -> NF: the maps of each layer, max-pooled to 4 x 4, and the features (arXiv 1511.06434, 5.1)."""
        with published_precision(self.device), self._heard() as maps:
            last = self.features(self.reals(images))
            return torch.cat([*map(_pooled, maps), last], dim=1).float().cpu()

    def looking(self, layers: Layers) -> Look:
        """ConfigError where the network's layers cannot be told apart."""
        if layers == "all" and not isinstance(getattr(self.network, "layers", None), nn.ModuleList):
            raise ConfigError(f"--layers all: {type(self.network).__name__} has no list of layers; leave it out")
        return self.look_at_all if layers == "all" else self.look

    def calibrate(self, images: LabelledImages, system: Callable[[Tensor], None] | None = None) -> None:
        """Let layers of normalisation measure the images: nothing is learned by that, and a game leaves them with the
        mixed statistics of real and of generated images.

        system: what a `System` wants to be called with; None: nothing.
        """
        reals = partial(map, self.reals)
        if system is not None:
            system(next(iter(reals(batches(images, BATCH)))))
        norms = [layer for layer in self.network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
        before = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all batches
            norm.train()
        with published_precision(self.device):
            for batch in reals(batches(images, CALIBRATION if norms else 0)):
                self.features(batch)
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
        self.network.eval()

    @contextmanager
    def _heard(self) -> Iterator[list[Tensor]]:
        """What goes into each layer but the first, NCHW: what the one before it gave, activated."""
        assert isinstance(self.network.layers, nn.ModuleList)
        maps: list[Tensor] = []
        hooks = [
            layer.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0]))
            for layer in list(self.network.layers)[1:]
        ]
        try:
            yield maps
        finally:
            for hook in hooks:
                hook.remove()


def _pooled(maps: Tensor) -> Tensor:
    """NCHW -> NF."""
    return F.adaptive_max_pool2d(maps, min(POOLED_SIDE, maps.shape[-1])).flatten(1)

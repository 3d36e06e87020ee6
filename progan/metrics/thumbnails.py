"""Thumbnails: all of an image that can be seen at a glance, small enough to keep every one of a large set."""

import torch
from torch import Tensor
from torch.nn import functional as F

from progan.metrics.gathering import pieces
from progan.metrics.precision import published_precision

VIEW = "thumbnails"
SIDE = 16  # px


def averaged(images: Tensor, side: int) -> Tensor:
    """At most `side` px of each image by a box filter: uint8 N3HH -> float32 N3ss in [0, 255], s = min(side, H).

    A sum of up to 256 x 256 pixels is exact in float32, so thumbnails of power-of-two sizes are the same on any device.
    """
    return F.adaptive_avg_pool2d(images.float(), min(side, images.shape[-1]))


class ThumbnailGathering:
    """The thumbnails of a set of images in order, of at most `side` px: 3 kB an image of 16 px."""

    def __init__(self, resolution: int, images: int, device: torch.device, side: int = SIDE) -> None:
        self._device = device
        self._side = side
        self._thumbnails = torch.empty(images, 3 * min(side, resolution) ** 2)
        self._kept = 0

    def extract(self, first: int, images: Tensor) -> Tensor:
        """images: uint8 N3HH -> N x D, float32 in [-1, 1]."""
        with published_precision(self._device):
            small = [averaged(piece.to(self._device), self._side).cpu() for piece in pieces(images)]
        return torch.cat(small).flatten(1).div_(127.5).sub_(1)

    def keep(self, first: int, extracted: Tensor) -> None:
        self._thumbnails[first : first + len(extracted)] = extracted
        self._kept += len(extracted)

    def finish(self) -> Tensor:
        """N x D, float32 in [-1, 1]."""
        assert self._kept == len(self._thumbnails)
        return self._thumbnails

"""Stored images as a network takes them."""

import torch
from torch import Tensor
from torch.nn import functional


def to_reals(images: Tensor, mirror: Tensor | None = None, fade: float = 1.0) -> Tensor:
    """Stored images as a network takes them: uint8 N3HW in [0, 255] to float N3HW in [-1, 1], on the same device.

    mirror: N bool, which images to flip left to right; None: none.
    fade: while a resolution fades in, the image is lerped with its own 2x2-averaged, nearest-doubled version, so that
    reals hold as much detail as the generator can show (arXiv 1710.10196, section 2). 1: untouched; 0: coarse only.
    """
    if mirror is not None:
        images = torch.where(mirror.to(images.device).view(-1, 1, 1, 1), images.flip(-1), images)
    reals = images.float().div_(127.5).sub_(1)
    if fade >= 1:
        return reals
    coarse = functional.interpolate(functional.avg_pool2d(reals, 2), scale_factor=2, mode="nearest")
    return fade * reals + (1 - fade) * coarse

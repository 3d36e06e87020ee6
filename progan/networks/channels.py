"""Networks of fewer colour channels than the images have: prepared sets are RGB, digits are grey."""

from torch import Tensor


def paint(images: Tensor) -> Tensor:
    """NCRR, C = 1 or 3 -> N3RR: grey in all three."""
    return images.expand(-1, 3, -1, -1)


def look(images: Tensor, channels: int) -> Tensor:
    """N3RR -> NCRR: for C = 1 the mean of the three."""
    return images.mean(dim=1, keepdim=True) if channels == 1 else images

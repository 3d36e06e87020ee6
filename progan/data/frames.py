"""Frames: which square of a picture is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from progan.data.images import BadImage, Box, Pixels


class Frame(Protocol):
    """Cuts the square out of a picture; picklable. `entry` is the source's Entry."""

    def side(self, entry: Any, width: int, height: int) -> int:
        """Of the square in the picture's own px: the largest resolution it fills without being enlarged."""
        ...

    def __call__(self, entry: Any, pixels: Pixels, resolution: int) -> Pixels:
        """The square, to be reduced to `resolution`; its side is less only where the picture is too small."""
        ...


@dataclass(frozen=True)
class BoxFrame:
    """A square that follows from the picture's size alone."""

    box: Callable[[int, int], Box]  # width, height -> the square, which may reach over the edge

    def side(self, entry: Any, width: int, height: int) -> int:
        return self.box(width, height).side

    def __call__(self, entry: Any, pixels: Pixels, resolution: int) -> Pixels:
        height, width, _ = pixels.shape
        return cut(pixels, self.box(width, height))


@dataclass(frozen=True)
class FaceBoxFrame:
    """The square around the middle of the face's box, as long as the box's longer side."""

    def side(self, entry: Any, width: int, height: int) -> int:
        return _square_of(entry.box).side

    def __call__(self, entry: Any, pixels: Pixels, resolution: int) -> Pixels:
        box, (height, width, _) = _square_of(entry.box), pixels.shape
        if not (-box.side < box.left < width and -box.side < box.top < height):
            raise BadImage("its face's box lies outside the picture")
        return cut(pixels, box)


def celeba_square(width: int, height: int) -> Box:
    """The official 128 px square of a 178x218 aligned face (rows 57..184, columns 25..152), scaled to this size.

    A picture of another shape is not in that alignment and gets its centre square.
    """
    scale = width / 178
    if abs(height - 218 * scale) > 1:
        return centre_square(width, height)
    return Box(left=int(25 * scale), top=int(57 * scale), side=round(128 * scale))


def centre_square(width: int, height: int) -> Box:
    """The largest square, centred."""
    side = min(width, height)
    return Box(left=(width - side) // 2, top=(height - side) // 2, side=side)


def _square_of(box: Sequence[float]) -> Box:
    if not box or min(box[2:]) <= 0:  # some rows of CelebA's table are all 0
        raise BadImage("no box of a face for it")
    left, top, width, height = box
    side = max(width, height)
    return Box(round(left + (width - side) / 2), round(top + (height - side) / 2), round(side))


def cut(pixels: Pixels, box: Box) -> Pixels:
    """The square; where it reaches over the edge, the picture's border px are repeated."""
    height, width, _ = pixels.shape
    before = (max(0, -box.top), max(0, -box.left))
    after = (max(0, box.top + box.side - height), max(0, box.left + box.side - width))
    if any(before + after):
        pixels = np.pad(pixels, ((before[0], after[0]), (before[1], after[1]), (0, 0)), mode="edge")
    top, left = box.top + before[0], box.left + before[1]
    return pixels[top : top + box.side, left : left + box.side]

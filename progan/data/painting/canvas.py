"""The canvas a portrait is painted on: colour planes, face coordinates for every pixel, antialiased shapes.

Shapes are signed distances in face coordinates (negative inside) turned into coverage with an edge one pixel wide, so
that the same shapes give the same picture at every size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from progan.data.painting.parameters import Colour, Pose

# float32 throughout; numpy's types lose that in arithmetic with Python numbers, hence Any.
Plane = NDArray[Any]  # HW
Planes = NDArray[Any]  # 3HW: red, green, blue; 1 is full


@dataclass(frozen=True)
class Canvas:
    """A picture, or a rectangular view of one, painted in place."""

    pixels: Planes  # 3HW in [0, 1], sRGB
    u: Plane  # HW: face coordinate to the right; the eyes lie near (-0.25, -0.06) and (0.25, -0.06)
    v: Plane  # HW: face coordinate downwards; mouth near 0.42, chin near 0.74
    pixel: float  # width of a pixel in face coordinates
    pose: Pose

    def window(self, left: float, top: float, right: float, bottom: float) -> Canvas:
        """The view of the pixels in the frame's smallest rectangle around this rectangle of face coordinates."""
        x, y = frame_position(self.pose, (left + right) / 2, (top + bottom) / 2)
        cos, sin = abs(math.cos(self.pose.rotation)), abs(math.sin(self.pose.rotation))
        half_x, half_y = (cos * a + sin * b for a, b in ((right - left, bottom - top), (bottom - top, right - left)))
        columns, rows = self._span(x, self.pose.scale * half_x / 2), self._span(y, self.pose.scale * half_y / 2)
        u, v = self.u[rows, columns], self.v[rows, columns]
        return Canvas(self.pixels[:, rows, columns], u, v, self.pixel, self.pose)

    def _span(self, centre: float, half: float) -> slice:
        """The pixels from centre - half to centre + half, in frame coordinates."""
        per_unit = 1 / (self.pixel * self.pose.scale)
        first, last = (centre - half + 1) * per_unit, (centre + half + 1) * per_unit
        return slice(max(0, math.floor(first)), max(0, math.ceil(last)))

    def cover(self, distance: Plane, softness: float = 0.0) -> Plane:
        """Coverage in [0, 1] of a shape; its edge is `softness` wide in face coordinates, at least 1.5 pixels."""
        ramp: Plane = unit(0.5 - distance * (1 / max(softness, 1.5 * self.pixel)))
        coverage: Plane = ramp * ramp * (3 - 2 * ramp)
        return coverage

    def blend(self, mask: Plane, colour: Colour | Planes) -> None:
        """Lay a colour, one for all or one a pixel, over the picture where `mask` is 1."""
        step = _planes(colour) - self.pixels
        step *= mask
        np.add(self.pixels, step, out=self.pixels)

    def tint(self, mask: Plane, factors: Colour | Planes) -> None:
        """Multiply the picture by `factors` where `mask` is 1: shadows, blush, light."""
        change = mask * (_planes(factors) - 1)
        change += 1
        np.multiply(self.pixels, change, out=self.pixels)


def blank(side: int, pose: Pose) -> Canvas:
    """A black square canvas of `side` pixels seen through `pose`."""
    axis = ((np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1).astype(np.float32)
    x, y = (axis[None, :] - pose.shift_x) / pose.scale, (axis[:, None] - pose.shift_y) / pose.scale
    cos, sin = math.cos(pose.rotation), math.sin(pose.rotation)
    pixels = np.zeros((3, side, side), np.float32)
    return Canvas(pixels, cos * x + sin * y, cos * y - sin * x, 2 / side / pose.scale, pose)


def frame_position(pose: Pose, u: float, v: float) -> tuple[float, float]:
    """Where the face coordinate (u, v) falls in the frame, whose corners are (-1, -1) and (1, 1)."""
    cos, sin = math.cos(pose.rotation), math.sin(pose.rotation)
    return pose.shift_x + pose.scale * (cos * u - sin * v), pose.shift_y + pose.scale * (sin * u + cos * v)


def unit(values: Plane) -> Plane:
    """Values kept within [0, 1]."""
    kept: Plane = np.maximum(values, 0)
    return np.minimum(kept, 1, out=kept)


def flat(colour: Colour) -> Planes:
    """One colour as planes of a single pixel, to be multiplied by a light."""
    return np.array(colour, np.float32)[:, None, None]


def _planes(colour: Colour | Planes) -> Planes:
    return colour if isinstance(colour, np.ndarray) else flat(colour)


def ellipse(x: Plane, y: Plane, width: float, height: float) -> Plane:
    """Signed distance, first order, to the ellipse of half axes `width` and `height` around the origin."""
    a, b = x * (1 / width), y * (1 / height)
    inner: Plane = np.sqrt(a * a + b * b)
    a, b = a * (1 / width), b * (1 / height)
    slope: Plane = np.sqrt(a * a + b * b) + 1e-4
    distance: Plane = inner * (inner - 1) / slope
    return distance


def bump(x: Plane, y: Plane, width: float, height: float) -> Plane:
    """A bell of standard deviations `width` and `height` around the origin, 1 at its top, 0 beyond four of them."""
    a, b = x * (math.sqrt(0.5) / width), y * (math.sqrt(0.5) / height)
    return fading(a * a + b * b)


def ridge(x: Plane, width: float) -> Plane:
    """A bell across the line x = 0."""
    a = x * (math.sqrt(0.5) / width)
    return fading(a * a)


def fading(depth: Plane) -> Plane:
    """About exp(-depth) for depth >= 0, but 0 from 8 on: far tails of exp are denormal numbers, 40 times as slow."""
    rest: Plane = depth * -0.125
    rest += 1
    np.maximum(rest, 0, out=rest)
    rest *= rest
    rest *= rest
    rest *= rest
    return rest


def union(a: Plane, b: Plane, blend: float) -> Plane:
    """The union of two distances with the joint rounded over the length `blend` (quadratic smooth minimum)."""
    near: Plane = np.maximum(blend - np.abs(a - b), 0)
    nearest: Plane = np.minimum(a, b)
    return nearest - near * near * (0.25 / blend)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour `share` of the way from a to b."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def scaled(colour: Colour, factor: float) -> Colour:
    """The colour made darker or lighter, kept within [0, 1]."""
    return (min(1.0, colour[0] * factor), min(1.0, colour[1] * factor), min(1.0, colour[2] * factor))


def waves(coordinate: Plane, step: float, frequencies: Sequence[float], phases: Sequence[float]) -> Plane:
    """A band-limited random texture along a coordinate, about [-1, 1].

    A wave is left out where it is shorter than three of `step`, the change of the coordinate in a pixel.
    """
    total = np.zeros_like(coordinate)
    for frequency, phase in zip(frequencies, phases, strict=False):
        if 2 * math.pi / frequency > 3 * step:
            total += np.sin(coordinate * frequency + phase)
    return total * (1.4 / len(frequencies))

"""What surrounds a head: backdrop and clothes."""

from __future__ import annotations

import math

import numpy as np

from progan.data.painting.canvas import Canvas, Plane, bump, ellipse, fading, flat, ridge, unit
from progan.data.painting.parameters import Backdrop, Clothes, Light


def paint_backdrop(canvas: Canvas, backdrop: Backdrop) -> None:
    """A gradient over the whole frame, spots of light, a halo and a darker border."""
    cos, sin = math.cos(backdrop.direction), math.sin(backdrop.direction)
    ramp = unit(0.5 + 0.42 * (cos * canvas.u + sin * canvas.v))
    ramp = ramp * ramp * (3 - 2 * ramp)
    shade = np.ones_like(ramp)
    for x, y, radius, strength in backdrop.spots:
        x_off, y_off = canvas.u - x, canvas.v - y
        disc = unit(2.0 - (x_off * x_off + y_off * y_off) * (1.5 / radius**2))
        shade += strength * disc * disc * (3 - 2 * disc)
    waves_across, tilt, strength = backdrop.stripes
    if strength > 0:
        place = canvas.u * math.cos(tilt) + canvas.v * math.sin(tilt)
        shade += strength * np.sin(place * (math.pi * waves_across) + 2 * ramp)
    shade += 0.35 * backdrop.glow * bump(canvas.u, canvas.v + 0.1, 0.75, 0.75)
    shade -= 0.11 * (canvas.u * canvas.u + canvas.v * canvas.v)
    for plane, first, second in zip(canvas.pixels, backdrop.first, backdrop.second, strict=True):
        plane[:] = unit((first + (second - first) * ramp) * shade)


def paint_clothes(canvas: Canvas, clothes: Clothes, light: Light) -> None:
    """A garment over the shoulders with a round or pointed neckline and a shaded hem."""
    view = canvas.window(-1.4, 0.6, 1.4, 1.4)
    across = np.abs(view.u)
    shoulder = 0.80 + 0.16 * across * across + 0.05 * np.minimum(across, 0.5) - view.v
    neckline = _neckline(clothes, view.u, view.v)
    outline = np.maximum(shoulder, -neckline)
    lit = 0.86 + 0.16 * light.side * view.u - 0.14 * ridge(neckline - 0.06, 0.012)
    lit += 0.10 * fading(np.minimum(shoulder, 0) * -14) * (0.5 + light.height)
    lit -= 0.12 * bump(across - 0.62, view.v - 1.05, 0.06, 0.18)
    view.blend(view.cover(outline), unit(flat(clothes.colour) * lit))


def _neckline(clothes: Clothes, u: Plane, v: Plane) -> Plane:
    if clothes.pointed:
        return np.abs(u) * 0.85 + (v - 0.82 - clothes.neckline) * 0.55
    return ellipse(u, v - 0.76, 0.36, 0.08 + clothes.neckline)

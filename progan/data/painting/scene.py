"""What surrounds a face: backdrop, neck, clothes."""

from __future__ import annotations

import math

import numpy as np

from progan.data.painting.canvas import Canvas, Plane, Planes, bump, ellipse, flat, mix, unit
from progan.data.painting.parameters import Backdrop, Clothes, Colour, Head, Light


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
        shade += strength * np.sin((canvas.u * math.cos(tilt) + canvas.v * math.sin(tilt)) * (math.pi * waves_across) + 2 * ramp)
    shade += 0.35 * backdrop.glow * bump(canvas.u, canvas.v + 0.1, 0.75, 0.75)
    shade -= 0.11 * (canvas.u * canvas.u + canvas.v * canvas.v)
    for plane, first, second in zip(canvas.pixels, backdrop.first, backdrop.second, strict=True):
        plane[:] = unit((first + (second - first) * ramp) * shade)


def paint_neck(canvas: Canvas, head: Head, light: Light) -> None:
    """The neck as a cylinder in the shadow of the chin, widening into the shoulders."""
    view = canvas.window(-0.9, 0.3, 0.9, 1.3)
    flare = np.maximum(view.v - 0.74, 0)
    outline = np.abs(view.u) - head.neck - 1.9 * flare * flare - 0.05 * np.maximum(0.7 - view.v, 0)
    across = view.u * (0.8 / head.neck)
    lit = 0.80 + 0.16 * light.side * across - 0.17 * across * across
    under_chin = bump(view.u + 0.06 * light.side, view.v - head.chin + 0.02, 0.34, 0.13)
    lit -= (0.42 - 0.2 * light.ambient) * under_chin
    hollow = bump(view.u, view.v - 1.0, 0.05, 0.05)
    view.blend(view.cover(outline), skin_tone(head.skin, light, lit - 0.1 * hollow))


def skin_tone(skin: Colour, light: Light, lit: Plane) -> Planes:
    """3HW colour of skin under the light `lit` (1 is full): shadows are warmer and more saturated than lights."""
    shadow = mix((0.34, 0.24, 0.23), (0.30, 0.25, 0.27), 0.5 - 0.5 * light.warmth)
    bright = mix((1.06, 1.07, 1.10), (1.12, 1.06, 0.99), 0.5 + 0.5 * light.warmth)
    planes = [tone * (low + (high - low) * lit) for tone, low, high in zip(skin, shadow, bright, strict=True)]
    return unit(np.stack(planes))


def paint_clothes(canvas: Canvas, clothes: Clothes, light: Light) -> None:
    """A garment over the shoulders with a round or pointed neckline and a shaded hem."""
    view = canvas.window(-1.4, 0.6, 1.4, 1.4)
    across = np.abs(view.u)
    shoulder = 0.80 + 0.16 * across * across + 0.05 * np.minimum(across, 0.5) - view.v
    neckline = _neckline(clothes, view.u, view.v)
    outline = np.maximum(shoulder, -neckline)
    lit = 0.86 + 0.16 * light.side * view.u - 0.14 * bump(neckline - 0.06, neckline * 0, 0.012, 1.0)
    lit += 0.10 * np.exp(np.minimum(shoulder, 0) * 14) * (0.5 + light.height)
    lit -= 0.12 * bump(across - 0.62, view.v - 1.05, 0.06, 0.18)
    view.blend(view.cover(outline), unit(flat(clothes.colour) * lit))


def _neckline(clothes: Clothes, u: Plane, v: Plane) -> Plane:
    if clothes.pointed:
        return np.abs(u) * 0.85 + (v - 0.82 - clothes.neckline) * 0.55
    return ellipse(u, v - 0.76, 0.36, 0.08 + clothes.neckline)

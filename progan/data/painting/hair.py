"""Head hair in two layers, behind and in front of the face, and the cap that may cover it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from progan.data.painting.canvas import Canvas, Plane, Planes, ellipse, fading, flat, ridge, unit, waves
from progan.data.painting.head import outline
from progan.data.painting.parameters import FaceParameters, Hair, Hat

CROWN = -0.86  # height from which the strands fall, a little over the skull so that they do not meet in a star
LONG = 0.2  # hair that ends lower than this hangs beside the face; shorter hair is a cap on the skull


@dataclass(frozen=True)
class Locks:
    """The hair of one face, made ready for both layers."""

    view: Canvas
    mask: Plane  # HW coverage of the whole mass
    colours: Planes  # 3HW


def comb(canvas: Canvas, face: FaceParameters, hair: Hair) -> Locks:
    """Shape and colour of the hair, in the window it fills."""
    low = 1.6 if hair.length > LONG else hair.length + 0.12
    view = canvas.window(-1.15, -1.3, 1.15, low)
    across, angle = view.u + face.pose.turn, np.arctan2(view.u + face.pose.turn, -0.05 - view.v)
    return Locks(view, _mass(view, face, hair, across, angle), _colours(view, face, hair, across))


def paint_back_hair(canvas: Canvas, face: FaceParameters, hair: Hair, locks: Locks) -> None:
    """What lies behind head and neck, in its own shade, and a knot on the crown if there is one."""
    if hair.bun > 0:
        _paint_bun(canvas, face, hair)
    if hair.length > LONG:
        locks.view.blend(locks.mask, locks.colours * 0.5)


def paint_front_hair(face: FaceParameters, hair: Hair, locks: Locks) -> None:
    """Crown, sides and fringe, with their soft shadow on the skin."""
    view = locks.view
    opening = _opening(view, face, hair)
    skin = view.cover(outline(face.head, face.pose.turn, view.u, view.v))
    shadow = fading(np.minimum(opening, 0) * -24) * skin * (0.2 + 0.8 * unit((0.35 - view.v) * 3))
    if hair.length <= LONG:
        shadow *= unit((hair.length - view.v) * 6 + 0.5)
    view.tint(0.42 * hair.density * shadow, (0.52, 0.40, 0.37))
    softness = 0.014 + 0.16 * (1 - hair.density) + 0.03 * hair.curl
    view.blend(np.minimum(locks.mask, view.cover(-opening, softness)) * hair.density, locks.colours)


def _mass(view: Canvas, face: FaceParameters, hair: Hair, across: Plane, angle: Plane) -> Plane:
    """Coverage of all of the hair: a cap over the skull and, for long hair, what hangs from it."""
    v, width = view.v, face.head.width
    ruffle = _ruffle(hair, angle)
    cap = ellipse(across, v + 0.16, width + hair.side, 0.60 + hair.volume) + ruffle
    edge = 0.012 + 0.03 * hair.curl + 0.05 * (1 - hair.density)
    if hair.length <= LONG:
        return view.cover(cap, edge) * unit((hair.length - v) * (1 / 0.13) + 0.5)
    swing = hair.wave * np.sin(v * 9.0 + hair.phases[0]) * unit(v + 0.16)
    end = np.maximum(v - hair.length + 0.24, 0)
    half = width + hair.side + 0.08 * np.clip(v + 0.16, 0, 1.2) - 2.4 * end * end
    ragged = 0.018 * np.sin(across * 33 + hair.phases[1]) + 0.012 * np.sin(across * 71 + hair.phases[2])
    sides = np.abs(across) - half - swing * np.sign(across)
    curtain = np.maximum(sides, np.maximum(-0.16 - v, v - hair.length + ragged))
    return view.cover(np.minimum(cap, curtain + ruffle), edge)


def _ruffle(hair: Hair, angle: Plane) -> Plane:
    """Unevenness of the outline: hardly any for straight hair, bumps for curls."""
    if hair.curl < 0.15:
        return 0.004 * np.sin(angle * 9 + hair.phases[1]) + 0.0025 * np.sin(angle * 22 + hair.phases[2])
    uneven = np.sin(angle * 23 + 1.5 * np.sin(angle * 5 + hair.phases[1]) + hair.phases[3])
    return hair.curl * (0.016 * uneven + 0.011 * np.sin(angle * 37 + hair.phases[0]))


def _opening(view: Canvas, face: FaceParameters, hair: Hair) -> Plane:
    """Signed distance to the part of the frame that the hair leaves free for the face."""
    across, v = view.u + face.pose.turn, view.v
    away = np.abs(across - hair.part)
    drop = np.minimum(hair.sweep * away * (0.4 + 1.2 * away), 0.13)
    ragged = hair.fringe * (0.024 * np.sin(across * 17 + hair.phases[2]) + 0.016 * np.sin(across * 41 + hair.phases[3]))
    curls = hair.curl * 0.014 * np.sin(across * 55 + hair.phases[1])
    return ellipse(across, np.minimum(v - 0.12 - drop - ragged - curls, 0), hair.drape, 0.12 - hair.hairline)


def _colours(view: Canvas, face: FaceParameters, hair: Hair, across: Plane) -> Planes:
    """3HW colour of the hair: strands falling from the crown, a band of shine, shade towards the edges."""
    strands = _strands(view, hair, across - hair.part * 0.7) * hair.density**3
    v, side = view.v, face.light.side
    lit = 0.84 + 0.30 * side * across + 0.14 * strands
    radius = np.sqrt(1.2 * across * across + (v + 0.05) ** 2)
    band = ridge(radius - 0.60 - 0.02 * strands, 0.053) * unit(v * -2.0)
    shine = hair.shine * band * np.clip(0.75 + 0.8 * side * across, 0.2, 1.5) * (0.8 + 0.4 * strands)
    lit -= 0.34 * unit((radius - 0.63) * 3.5) * unit(1.5 - 3 * v) + 0.18 * unit(v - 0.1)
    colour = flat(hair.colour)
    return unit(colour * np.maximum(lit, 0.3) + (colour * 0.75 + 0.13) * np.maximum(shine, 0))


def _strands(view: Canvas, hair: Hair, across: Plane) -> Plane:
    """HW texture, about [-1, 1]: lines from the crown for straight hair, patches for curls."""
    v = view.v
    if hair.wave > 0:
        across = across + hair.wave * 1.5 * np.sin(v * 9.0 + hair.phases[0] + across * 3) * unit(v + 0.5)
    fall = np.maximum(v - CROWN, 0.02)
    angle = across * (1.9 / (0.35 + np.minimum(fall, 1.0)))
    strands = waves(angle, view.pixel * 2.0, hair.frequencies, hair.phases)
    if hair.curl < 0.15:
        return strands
    a = np.sin(across * 27 + 1.6 * np.sin(v * 31 + hair.phases[1]) + hair.phases[0])
    b = np.sin(v * 29 + 1.6 * np.sin(across * 25 + hair.phases[2]) + hair.phases[3])
    return strands * (0.7 * (1 - hair.curl) + 0.2) + hair.curl * a * b * 1.1


def _paint_bun(canvas: Canvas, face: FaceParameters, hair: Hair) -> None:
    view = canvas.window(-0.5, -1.3, 0.5, -0.4)
    x, y = view.u + face.pose.turn, view.v + 0.70 + hair.volume + 0.6 * hair.bun
    swirl = waves(np.arctan2(y, x) + 6 * np.sqrt(x * x + y * y), view.pixel * 4, (5.0, 11.0, 17.0), hair.phases)
    lit = 0.78 + 0.13 * swirl + 1.2 * x * face.light.side - 0.9 * y
    view.blend(view.cover(ellipse(x, y, hair.bun * 1.15, hair.bun)), unit(flat(hair.colour) * np.clip(lit, 0.35, 1.4)))


def paint_hat(canvas: Canvas, face: FaceParameters, hat: Hat) -> None:
    """A knitted cap with a turned-up band, and its shadow on the forehead."""
    view = canvas.window(-0.95, -1.2, 0.95, 0.1)
    across, v = view.u + face.pose.turn, view.v
    edge = hat.brim + 0.16 * across * across - v  # height over the brim, negative below it
    width = face.head.width + 0.02 + hat.volume * 0.3
    skin = view.cover(outline(face.head, face.pose.turn, view.u, v))
    view.tint(0.5 * fading(np.minimum(edge, 0) * -22) * (edge < 0) * skin, (0.5, 0.4, 0.38))
    dome = np.maximum(ellipse(across, v + 0.22, width, 0.62 + hat.volume), -edge)
    place = across * (1 / width)
    ribs = np.sin(np.arcsin(np.clip(place, -1, 1)) * 46) * (0.09 if view.pixel < 0.04 else 0.0)
    lit = 0.98 - 0.40 * place * place + 0.32 * face.light.side * across - 0.25 * unit(-v - 0.6) + ribs
    crease = 1 - 0.35 * ridge(edge - hat.fold - 0.01, 0.02)
    view.blend(view.cover(dome), unit(flat(hat.colour) * np.maximum(lit * crease, 0.25)))
    middle = (edge - 0.5 * hat.fold) * (2 / hat.fold)  # -1 at the lower edge of the band, 1 at the upper
    band = np.maximum(np.abs(across) - width - 0.018 + 0.035 * middle * middle, (np.abs(middle) - 1) * hat.fold * 0.5)
    roll = 1.06 - 0.24 * middle * middle
    view.blend(view.cover(band), unit(flat(hat.colour) * np.maximum(lit * roll, 0.25)))

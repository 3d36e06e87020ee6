"""Eyes, brows, mouth and spectacles."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from progan.data.painting.canvas import Canvas, Plane, bump, ellipse, fading, flat, mix, ridge, scaled, unit
from progan.data.painting.head import EYE_U, EYE_V
from progan.data.painting.parameters import Colour, Eyes, FaceParameters, Glasses, Light, Mouth

LASH = (0.10, 0.06, 0.05)


@dataclass(frozen=True)
class Lids:
    """Coordinates around both eyes at once, mirrored so that the temples lie at positive x; all HW."""

    u: Plane  # not mirrored, from the middle of the nearer eye
    x: Plane
    y: Plane  # downwards, along the tilt
    t: Plane  # x from -1 at the inner to 1 at the outer corner
    upper: Plane  # y of the upper lid's edge
    lower: Plane


def paint_eyes(canvas: Canvas, face: FaceParameters) -> None:
    """Both eyes, mirror images but for gaze and reflections."""
    view = canvas.window(-EYE_U - 0.2, EYE_V - 0.15, EYE_U + 0.2, EYE_V + 0.12)
    lids = _lids(view, face)
    _paint_lids(view, face.eyes, face.head.depth, lids)
    _paint_balls(view, face.eyes, face.light, lids)
    _paint_lashes(view, face.eyes, lids)


def _lids(view: Canvas, face: FaceParameters) -> Lids:
    eyes = face.eyes
    side = np.sign(view.u)
    u = view.u - EYE_U * side
    x = u * side
    y = view.v - EYE_V + eyes.tilt * x
    t = x * (1 / eyes.width)
    profile = np.maximum(1 - t * t, 0)
    squeeze = 0.16 * max(0.0, face.mouth.smile)
    upper = -eyes.opening * profile**0.75 * (1 - 0.14 * t)
    lower = eyes.opening * (0.62 - squeeze) * profile * (1 + 0.15 * t)
    return Lids(u, x, y, t, upper, lower)


def _paint_lids(view: Canvas, eyes: Eyes, depth: float, lids: Lids) -> None:
    """The crease over the lid, make-up and the soft shade around the eye."""
    x, y = lids.x, lids.y
    view.tint(0.24 * bump(x, y, 0.07, 0.045), (0.72, 0.60, 0.58))
    if eyes.shadow > 0.05:
        view.tint(eyes.shadow * 0.6 * bump(x - 0.01, y + 0.055, 0.09, 0.032), (0.66, 0.50, 0.54))
    over = y - lids.upper
    view.tint(0.42 * bump(over + 0.031, x, 0.009, 0.075), (0.54, 0.40, 0.38))
    view.blend((0.10 - 0.05 * depth) * bump(over + 0.016, x, 0.010, 0.05), (1.0, 0.93, 0.88))
    view.tint(0.20 * bump(y - lids.lower - 0.016, x, 0.012, 0.09), (0.66, 0.52, 0.52))


def _paint_balls(view: Canvas, eyes: Eyes, light: Light, lids: Lids) -> None:
    """White, iris, pupil and the lamp's reflection, all within the lids and in the shadow of the upper one."""
    white = view.cover(np.maximum(lids.upper - lids.y, lids.y - lids.lower), 0.008) * (np.abs(lids.t) < 1)
    u, v = lids.u - eyes.gaze_x, lids.y - eyes.gaze_y + 0.005
    shade = 1 - 0.38 * fading(np.maximum(lids.y - lids.upper, 0) * 42) - 0.16 * unit((np.abs(u) - 0.05) * 12)
    view.blend(white, flat((0.94, 0.915, 0.895)) * shade)
    r = np.sqrt(u * u + v * v)
    glow = np.clip(0.66 + 7.0 * v, 0.34, 1.4) * (1 - 0.60 * unit((r - 0.038) * 70))
    view.blend(white * view.cover(r - 0.053, 0.008), unit(flat(eyes.iris) * (glow * (0.35 + 0.65 * shade))))
    view.blend(white * view.cover(r - 0.0225, 0.007), (0.025, 0.02, 0.02))
    towards = 1.0 if light.side >= 0 else -1.0
    glint = view.cover(ellipse(u - 0.019 * towards, v + 0.019, 0.0115, 0.0125), 0.008)
    glint += 0.35 * view.cover(ellipse(u + 0.017 * towards, v - 0.018, 0.008, 0.007), 0.010)
    view.blend(white * 0.92 * unit(glint), (1.0, 1.0, 0.99))


def _paint_lashes(view: Canvas, eyes: Eyes, lids: Lids) -> None:
    """A dark line along the upper lid, heavier and longer at the outer end, and a faint one below."""
    t, x, y = lids.t, lids.x, lids.y
    reach = unit((1.16 - t) * 6) * unit((t + 1.04) * 6)
    weight = (0.007 + 0.010 * eyes.lashes) * (0.75 + 0.35 * t) * unit((1.22 - t) * 3)
    wing = np.maximum(t - 0.86, 0) * (0.045 + 0.09 * eyes.lashes)
    line = np.abs(y - lids.upper + 0.5 * weight + wing) - weight
    view.blend(view.cover(line, 0.009) * reach * (0.72 + 0.28 * eyes.lashes), LASH)
    below = ridge(y - lids.lower - 0.003, 0.0042) * unit((1 - np.abs(t)) * 5)
    view.tint((0.28 + 0.30 * eyes.lashes) * below * (0.7 + 0.3 * t), (0.42, 0.27, 0.25))
    view.blend(0.55 * bump(x + eyes.width * 0.96, y - 0.004, 0.012, 0.009), (0.78, 0.48, 0.45))


def paint_brows(canvas: Canvas, eyes: Eyes) -> None:
    """Two arched brows, full at the inner end and drawn out to a point."""
    view = canvas.window(-EYE_U - 0.22, -0.36, EYE_U + 0.22, -0.08)
    x = np.abs(view.u) - EYE_U
    t = np.clip((x - 0.008) * (1 / 0.165), -1.2, 1.2)
    rise = eyes.brow_arch * (1 - (t - 0.22) ** 2) + eyes.brow_tilt * t
    weight = eyes.brow_weight * (0.80 - 0.42 * t) * np.sqrt(np.maximum(1 - np.abs(t) ** 5, 0))
    body = view.cover(np.abs(view.v - EYE_V + eyes.brow_height + rise) - weight, 0.024) * (np.abs(t) < 1)
    body *= 0.86 * unit((t + 1.04) * 3)
    if view.pixel < 0.004:
        body *= 1 + 0.05 * (np.sin(x * 390 + view.v * 310) + np.sin(x * 617 + view.v * 270))
    view.blend(unit(body), eyes.brow)


def paint_mouth(canvas: Canvas, face: FaceParameters) -> None:
    """Lips along a curved line; between them, if open, darkness and the upper teeth."""
    mouth = face.mouth
    view = canvas.window(-0.36, 0.26, 0.36, 0.66)
    u, v = view.u - 0.2 * face.pose.turn, view.v
    t = u * (1 / mouth.width)
    profile = np.maximum(1 - t * t, 0)
    line = mouth.height - 0.062 * mouth.smile * (t * t - 0.45) + (0.008 if mouth.gap < 0.01 else 0.0) * ridge(t, 0.14)
    top_gap, low_gap = line - mouth.gap * profile, line + mouth.gap * profile * (1 + 0.35 * max(0.0, mouth.smile))
    bow = 1 - 0.26 * ridge(t, 0.094) + 0.10 * ridge(np.abs(t) - 0.24, 0.10)
    top = top_gap - mouth.upper * profile**0.85 * bow
    bottom = low_gap + mouth.lower * profile**0.7
    view.tint(0.40 * bump(u, v - mouth.height - mouth.lower - mouth.gap - 0.035, 0.11, 0.020), (0.62, 0.50, 0.48))
    _paint_lips(view, face, t, line, top, bottom)
    if mouth.gap > 0:
        _paint_inside(view, mouth, t, top_gap, low_gap)
    else:
        seam = ridge(v - line, 0.0046) * unit((1.03 - np.abs(t)) * 6)
        view.tint(0.78 * seam, (0.34, 0.22, 0.22))
    corner = bump(np.abs(t) - 1.0, v - mouth.height + 0.034 * mouth.smile, 0.07, 0.013)
    view.tint(0.40 * corner, (0.50, 0.37, 0.35))


def _paint_lips(view: Canvas, face: FaceParameters, t: Plane, line: Plane, top: Plane, bottom: Plane) -> None:
    v, side = view.v, face.light.side
    lips = view.cover(np.maximum(top - v, v - bottom), 0.012) * (np.abs(t) < 1)
    height = (v - line) / (bottom - line + 0.004)
    lit = np.where(v < line, 0.76, 0.98 - 0.24 * np.abs(height - 0.42)) + 0.09 * side * t
    view.blend(lips * 0.93, unit(flat(face.mouth.colour) * lit))
    gloss = bump(t - 0.18 * side, height - 0.42, 0.36, 0.16) * (v > line)
    view.blend(lips * 0.26 * gloss, (1.0, 0.93, 0.91))


def _paint_inside(view: Canvas, mouth: Mouth, t: Plane, top: Plane, bottom: Plane) -> None:
    v = view.v
    inside = view.cover(np.maximum(top - v, v - bottom), 0.007) * (np.abs(t) < 1)
    tongue = bump(t, v - mouth.height - mouth.gap * 1.1, 0.55, 0.022)
    view.blend(inside, flat((0.20, 0.06, 0.07)) * (1 + 1.6 * tongue))
    shown = (0.74 + 1.0 * max(0.0, mouth.smile)) * mouth.gap + 0.008
    teeth = inside * view.cover(v - top - shown * np.sqrt(np.maximum(1 - 1.08 * t * t, 0)), 0.008)
    shade = 1 - 0.38 * t * t - 0.28 * fading(np.maximum(v - top, 0) * 75)
    if view.pixel < 0.008:
        shade = shade - 0.22 * np.maximum(np.cos(t * (mouth.width * 2 * math.pi / 0.046)) - 0.82, 0)
    view.blend(teeth, flat((0.95, 0.93, 0.89)) * unit(shade))


def paint_glasses(canvas: Canvas, face: FaceParameters, glasses: Glasses) -> None:
    """Two framed lenses, a bridge and the arms, with a thin shadow below them."""
    view = canvas.window(-0.62, -0.30, 0.62, 0.24)
    u, v = view.u - 0.3 * face.pose.turn, view.v - EYE_V - 0.015
    edges = np.abs(view.u + face.pose.turn) - face.head.width
    lens = _lens(glasses, np.abs(u) - EYE_U - 0.004, v)
    view.tint(0.30 * view.cover(_frame(glasses, lens, edges, u, v - 0.018), 0.03), (0.50, 0.40, 0.38))
    inside = view.cover(lens)
    view.blend(inside * glasses.tint, scaled(glasses.colour, 0.5))
    streak = ridge(u - v * 0.5 - EYE_U * np.sign(u) + 0.03, 0.032) + 0.6 * ridge(v + glasses.height, 0.042)
    view.blend(inside * (0.07 + 0.10 * glasses.tint) * streak, (1.0, 1.0, 1.0))
    lit = 0.85 + 0.35 * ridge(lens, glasses.rim * 0.45) * unit(0.2 - 10 * v) + 0.12 * face.light.side * u
    view.blend(view.cover(_frame(glasses, lens, edges, u, v), 0.006), unit(flat(glasses.colour) * lit))


def _frame(glasses: Glasses, lens: Plane, edges: Plane, u: Plane, v: Plane) -> Plane:
    """Signed distance to rims, bridge and the arms, which reach as far as the head's edges."""
    inner, outer = EYE_U + 0.004 - glasses.width, EYE_U + 0.004 + glasses.width
    bridge = np.maximum(np.abs(v + 0.025 + 2.0 * u * u) - glasses.rim, np.abs(u) - inner)
    arms = np.maximum(np.abs(v + 0.045) - glasses.rim * 1.1, np.maximum(outer - np.abs(u), edges))
    return np.minimum(np.minimum(np.abs(lens) - glasses.rim, bridge), arms)


def _lens(glasses: Glasses, x: Plane, y: Plane) -> Plane:
    """Signed distance to a lens: an ellipse, or a rectangle with more or less rounded corners."""
    if glasses.squareness < 0.4:
        return ellipse(x, y, glasses.width, glasses.height * 1.06)
    corner = glasses.height * (0.95 - 0.55 * glasses.squareness)
    inner_x = np.abs(x) - (glasses.width - corner)
    inner_y = np.abs(y) - (glasses.height - corner)
    beyond_x, beyond_y = np.maximum(inner_x, 0), np.maximum(inner_y, 0)
    rounded: Plane = np.sqrt(beyond_x * beyond_x + beyond_y * beyond_y) - corner
    return rounded + np.minimum(np.maximum(inner_x, inner_y), 0)


def lip_colour(skin: Colour, red: Colour, share: float) -> Colour:
    """Bare lips are redder skin; `share` of a lipstick covers them."""
    bare = (skin[0] * 0.90, skin[1] * 0.64, skin[2] * 0.66)
    return mix(bare, red, share)

"""The head itself: its outline, its relief under the light, ears, nose, folds and facial hair."""

from __future__ import annotations

import math

import numpy as np

from progan.data.painting.canvas import Canvas, Plane, bump, ellipse, fading, flat, ridge, union, unit, waves
from progan.data.painting.parameters import Beard, Colour, FaceParameters, Head, Light, Nose
from progan.data.painting.skin import skin_tone

EYE_U, EYE_V = 0.25, -0.06  # where the eyes lie: (-EYE_U, EYE_V) and (EYE_U, EYE_V)


def outline(head: Head, turn: float, u: Plane, v: Plane, margin: float = 0.0) -> Plane:
    """Signed distance to the head without ears, grown by `margin`."""
    across = u + turn
    skull = ellipse(across, v + 0.19, head.width + margin, 0.56 + margin)
    jaw = ellipse(across, v - 0.18, head.jaw + margin, head.chin - 0.18 + margin)
    return union(skull, jaw, 0.24)


def paint_neck(canvas: Canvas, head: Head, light: Light, turn: float) -> None:
    """The neck as a cylinder in the shadow of the jaw, widening into the shoulders."""
    view = canvas.window(-0.9, 0.3, 0.9, 1.3)
    flare = np.maximum(view.v - 0.74, 0)
    shape = np.abs(view.u) - head.neck - 1.9 * flare * flare - 0.05 * np.maximum(0.7 - view.v, 0)
    across = view.u * (0.8 / head.neck)
    below = np.maximum(outline(head, turn, view.u + 0.05 * light.side, view.v - 0.03), 0)
    lit = 0.78 + 0.16 * light.side * across - 0.17 * across * across - 0.1 * bump(view.u, view.v - 1.0, 0.05, 0.05)
    lit -= (0.46 - 0.3 * light.ambient) * fading(below * 7)
    view.blend(view.cover(shape), skin_tone(head.skin, light, lit))


def paint_ears(canvas: Canvas, head: Head, light: Light, turn: float) -> None:
    """Two ears, half hidden behind the cheeks."""
    view = canvas.window(-head.width - 0.16, -0.2, head.width + 0.16, 0.26)
    across = view.u + turn
    y = view.v - 0.03
    x = np.abs(across) - head.width - 0.012 - 0.10 * (0.1 - y)
    shell = ellipse(x, y, 0.062 * head.ears, 0.15 * head.ears)
    hollow = bump(x - 0.012, y + 0.01, 0.022 * head.ears, 0.075 * head.ears)
    lit = 0.78 + 0.13 * light.side * np.sign(across) - 0.38 * hollow + 0.08 * bump(shell + 0.02, y, 0.012, 0.12)
    view.blend(view.cover(shell), skin_tone(_flushed(head.skin), light, lit))


def _flushed(skin: Colour) -> Colour:
    """Skin with the blood nearer, as in ears and noses."""
    return (min(1.0, skin[0] * 1.01), skin[1] * 0.92, skin[2] * 0.91)


def paint_head(canvas: Canvas, face: FaceParameters) -> None:
    """Skull and face: skin lit as a relief."""
    view = canvas.window(-0.68, -0.85, 0.68, 0.95)
    head, turn = face.head, face.pose.turn
    edge = outline(head, turn, view.u, view.v)
    lit = _lit(view, face) - 0.13 * fading(np.minimum(edge, 0) * -16)
    colours = skin_tone(head.skin, face.light, lit)
    view.blend(view.cover(edge), colours)
    _blush(view, face)


def _lit(view: Canvas, face: FaceParameters) -> Plane:
    """HW light on the head: a dome with the face's relief, under one soft lamp."""
    light = face.light
    relief = _relief(view, face)
    slope_v, slope_u = np.gradient(relief, view.pixel)
    x, y = (view.u + face.pose.turn) * (1 / 0.66), view.v * (1 / 1.05)
    normal_x, normal_y = x - 0.85 * slope_u, y - 0.85 * slope_v
    normal_z = np.sqrt(np.clip(1 - x * x - y * y, 0.05, 1))
    lamp = np.array((0.75 * light.side, -0.2 - 0.45 * light.height, 0.85), np.float32)
    lamp /= np.linalg.norm(lamp)
    length = np.sqrt(normal_x * normal_x + normal_y * normal_y + normal_z * normal_z)
    cosine = (normal_x * lamp[0] + normal_y * lamp[1] + normal_z * lamp[2]) / length
    # Wrapped diffuse light: skin scatters, so that light reaches beyond the edge of the shadow.
    diffuse = unit((cosine + 0.35) * (1 / 1.35))
    squared = diffuse * diffuse
    shine = (squared * squared * squared) ** 2 * 0.14
    lit: Plane = light.ambient + (1 - light.ambient) * diffuse * 1.08 - 0.03 + shine
    return lit


def _relief(view: Canvas, face: FaceParameters) -> Plane:
    """HW height of the face over its dome."""
    turn = face.pose.turn
    # A rounded |u|, lest the two halves of the brow meet in a crease.
    u, v, mouth = np.sqrt(view.u * view.u + 0.003), view.v, face.mouth
    smile = max(0.0, mouth.smile)
    relief = _nose_relief(view.u - 0.35 * turn, v, face.nose)
    relief -= 0.075 * bump(u - 0.235, v - EYE_V + 0.015, 0.105, 0.062)
    relief += 0.030 * bump(u - EYE_U, v - EYE_V, 0.075, 0.045)
    relief += 0.026 * bump(u - 0.22, v + 0.20, 0.15, 0.05)
    relief += (0.045 + 0.03 * smile) * bump(u - 0.29, v - 0.17 + 0.03 * smile, 0.115, 0.09)
    relief -= 0.030 * bump(u - 0.33, v - 0.40, 0.08, 0.12)
    relief += 0.040 * bump(view.u, v - mouth.height, 0.16, 0.09)
    relief -= 0.022 * bump(view.u, v - mouth.height - 0.13, 0.10, 0.03)
    relief += 0.034 * bump(view.u, v - face.head.chin + 0.11, 0.10, 0.06)
    return relief


def _nose_relief(u: Plane, v: Plane, nose: Nose) -> Plane:
    tip = 0.205 * nose.length
    along = np.clip((v + 0.22) * (1 / (tip + 0.22)), 0, 1.3)
    below = np.maximum(v - tip, 0)
    across = u * (1 / (0.05 + 0.012 * nose.width))
    relief = 0.105 * nose.bridge * along * along * fading(below * below * 420 + across * across)
    relief += 0.042 * bump(u, v - tip, 0.052 * nose.width, 0.05)
    relief += 0.040 * bump(np.abs(u) - 0.082 * nose.width, v - tip - 0.025, 0.030, 0.033)
    return relief


def _blush(view: Canvas, face: FaceParameters) -> None:
    """Redder cheeks, nose and chin; a cooler jaw."""
    head, u = face.head, np.abs(view.u)
    cheeks = bump(u - 0.30, view.v - 0.16, 0.12, 0.09) * head.blush
    nose = bump(view.u, view.v - 0.20, 0.09, 0.07) * (0.35 + 0.3 * head.blush)
    view.tint(unit(cheeks + nose), (1.0, 0.86, 0.85))


def paint_nose(canvas: Canvas, face: FaceParameters) -> None:
    """Nostrils, wings, the shadow below and a light on the tip; the relief has given the rest."""
    nose, light = face.nose, face.light
    view = canvas.window(-0.25, -0.1, 0.25, 0.4)
    u, v = view.u - 0.35 * face.pose.turn, view.v - 0.205 * nose.length
    wide = nose.width
    side = np.abs(u)
    view.tint(0.26 * bump(u + 0.05 * light.side, v - 0.072, 0.075 * wide, 0.022), (0.55, 0.42, 0.40))
    wing = ridge(ellipse(side - 0.075 * wide, v - 0.022, 0.042 * wide, 0.043), 0.011)
    wing *= np.clip((side - 0.075 * wide) * 18 + 0.25, 0, 1)
    view.tint(0.42 * wing, (0.58, 0.42, 0.40))
    hole = ellipse(side - 0.045 * wide, v - 0.05 - 0.15 * (side - 0.045 * wide), 0.027 * wide, 0.013)
    view.tint(0.68 * view.cover(hole, 0.022), (0.36, 0.22, 0.20))
    gloss = bump(u - 0.014 * light.side, v + 0.012, 0.018, 0.022)
    gloss += 0.5 * bump(u - 0.012 * light.side, v + 0.13, 0.012, 0.06)
    view.blend(0.22 * gloss * (0.6 + 0.4 * light.height), (1.0, 0.97, 0.93))


def paint_folds(canvas: Canvas, face: FaceParameters) -> None:
    """Folds from nose to mouth, and with age furrows under the eyes and on the forehead."""
    head, smile = face.head, max(0.0, face.mouth.smile)
    depth = 0.08 + 0.26 * head.age + 0.18 * smile
    view = canvas.window(-0.45, 0.1, 0.45, 0.55)
    side, v = np.abs(view.u), view.v
    along = np.clip((v - 0.20) / 0.22, 0, 1)
    line = 0.105 * face.nose.width + 0.125 * along**1.3 + 0.03 * smile * np.sin(math.pi * along)
    offset = (side - line) / (0.016 + 0.014 * along)
    fold = fading(offset * offset) * np.sin(math.pi * unit((v - 0.17) * (1 / 0.27)))
    view.tint(depth * fold, (0.62, 0.48, 0.46))
    if head.age > 0.45:
        _paint_furrows(canvas, head.age - 0.45)


def _paint_furrows(canvas: Canvas, strength: float) -> None:
    brow = canvas.window(-0.4, -0.5, 0.4, -0.2)
    for height in (-0.44, -0.37, -0.30):
        line = brow.v - height - 0.10 * brow.u * brow.u
        furrow = bump(line, brow.u, 0.008, 0.15)
        brow.tint(0.55 * strength * furrow, (0.66, 0.52, 0.50))
    bags = canvas.window(-0.45, -0.05, 0.45, 0.15)
    x = (np.abs(bags.u) - EYE_U) * (1 / 0.12)
    line = bags.v - 0.045 + 0.03 * x * x
    bags.tint(0.7 * strength * bump(line, x, 0.010, 0.6), (0.62, 0.50, 0.50))


def paint_beard(canvas: Canvas, face: FaceParameters, beard: Beard) -> None:
    """Stubble to full beard: over the jaw, around the chin, over the lip; it thins out at its edges."""
    view = canvas.window(-0.68, -0.1, 0.68, 1.1)
    head = face.head
    u, v = view.u + 0.6 * face.pose.turn, view.v
    grain = waves(u + 0.35 * v * np.sign(u), view.pixel, (71.0, 117.0, 179.0), (0.3, 1.9, 4.1))
    grain += waves(v + 0.2 * u, view.pixel, (23.0, 41.0), (1.0, 2.0)) * 0.5
    hanging = v - beard.length * unit(v * 2 - 0.6)
    grown = outline(head, face.pose.turn, view.u, hanging, 0.03 * max(beard.cheeks, beard.chin) - 0.018)
    bare = ellipse(u, v - 0.03, head.width * 0.86, 0.30)
    jaw = view.cover(grown + 0.008 * grain, 0.03) * view.cover(-bare + 0.012 * grain, 0.10)
    jaw *= unit((v - 0.02) * 7)
    chin = view.cover(ellipse(u, v - head.chin + 0.13, 0.17, 0.19 + beard.length) + 0.01 * grain, 0.06)
    chin *= view.cover(grown, 0.03) * view.cover(-bare, 0.05)
    mask = np.maximum(beard.cheeks * jaw, beard.chin * chin)
    mask = np.maximum(mask, beard.moustache * _moustache(view, face, grain))
    lit = 0.92 + 0.22 * face.light.side * u - 0.35 * (v - 0.5) + 0.07 * grain
    view.blend(unit(mask) * 0.98, unit(flat(beard.colour) * lit + 0.02))


def _moustache(view: Canvas, face: FaceParameters, grain: Plane) -> Plane:
    t = view.u * (1 / (face.mouth.width + 0.045))
    profile = np.clip(1 - t * t, 0, 1)
    centre = face.mouth.height - 0.062 - face.mouth.gap * 0.5 + 0.075 * t * t
    body = np.abs(view.v - centre) - 0.036 * np.sqrt(profile) * (1 - 0.12 * ridge(t, 0.08))
    return view.cover(body + 0.006 * grain, 0.026) * (profile > 0)

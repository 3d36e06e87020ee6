"""A portrait from its parameters: the parts are painted from back to front."""

from __future__ import annotations

from progan.data.painting.canvas import Canvas, Planes, blank
from progan.data.painting.features import paint_brows, paint_eyes, paint_glasses, paint_mouth
from progan.data.painting.hair import comb, paint_back_hair, paint_front_hair, paint_hat
from progan.data.painting.head import paint_beard, paint_ears, paint_folds, paint_head, paint_neck, paint_nose
from progan.data.painting.parameters import FaceParameters
from progan.data.painting.scene import paint_backdrop, paint_clothes


def paint(face: FaceParameters, side: int) -> Planes:
    """The picture of `side` by `side` pixels, 3HW float32 in [0, 1]."""
    canvas = blank(side, face.pose)
    locks = comb(canvas, face, face.hair) if face.hair else None
    paint_backdrop(canvas, face.backdrop)
    if face.hair and locks:
        paint_back_hair(canvas, face, face.hair, locks)
    paint_neck(canvas, face.head, face.light, face.pose.turn)
    paint_clothes(canvas, face.clothes, face.light)
    _paint_face(canvas, face)
    if face.hair and locks:
        paint_front_hair(face, face.hair, locks)
    if face.hat:
        paint_hat(canvas, face, face.hat)
    return canvas.pixels


def _paint_face(canvas: Canvas, face: FaceParameters) -> None:
    """Head and features, up to what is worn on the nose."""
    paint_ears(canvas, face.head, face.light, face.pose.turn)
    paint_head(canvas, face)
    paint_folds(canvas, face)
    paint_nose(canvas, face)
    if face.beard:
        paint_beard(canvas, face, face.beard)
    paint_mouth(canvas, face)
    paint_eyes(canvas, face)
    paint_brows(canvas, face.eyes)
    if face.glasses:
        paint_glasses(canvas, face, face.glasses)

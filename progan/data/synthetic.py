"""The built-in data source: painted portraits, aligned as face data sets are, without any file.

Every face is a function of (seed, index). It is drawn as numbers first (`draw_parameters`) and painted then at any
size, so the same face comes out at every resolution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from progan.data.painting.canvas import Planes
from progan.data.painting.casting import draw_parameters
from progan.data.painting.parameters import FaceParameters
from progan.data.painting.portrait import paint
from progan.types import MIN_RESOLUTION, ConfigError

LARGEST = 1024  # pixels


@dataclass(frozen=True)
class Face:
    """A painted face and what is true of it."""

    image: NDArray[np.uint8]  # HWC RGB
    attributes: dict[str, bool]  # a value for each of ATTRIBUTES


Test = Callable[[FaceParameters], bool]
_ATTRIBUTE_TESTS: dict[str, Test] = {
    "Bald": lambda face: face.hair is None and face.hat is None,
    "Bangs": lambda face: face.hair is not None and face.hat is None and face.hair.hairline > -0.35,
    "Beard": lambda face: face.beard is not None and max(face.beard.cheeks, face.beard.chin) > 0.5,
    "Black_Hair": lambda face: _has_tone(face, "black"),
    "Blond_Hair": lambda face: _has_tone(face, "blond"),
    "Brown_Hair": lambda face: _has_tone(face, "brown"),
    "Curly_Hair": lambda face: face.hair is not None and face.hair.curl > 0.5,
    "Dark_Skin": lambda face: face.head.depth > 0.6,
    "Eyeglasses": lambda face: face.glasses is not None,
    "Gray_Hair": lambda face: _has_tone(face, "gray"),
    "Long_Hair": lambda face: face.hair is not None and face.hair.length > 0.8,
    "Mouth_Open": lambda face: face.mouth.gap > 0.008,
    "Mustache": lambda face: face.beard is not None and face.beard.moustache > 0.5,
    "Red_Hair": lambda face: _has_tone(face, "red"),
    "Smiling": lambda face: face.mouth.smile > 0.35,
    "Wearing_Hat": lambda face: face.hat is not None,
}
ATTRIBUTES: tuple[str, ...] = tuple(_ATTRIBUTE_TESTS)


def draw_face(seed: int, index: int, resolution: int) -> Face:
    """Face number `index` of the set `seed`, `resolution` pixels wide and high.

    The same (seed, index) is the same face at every resolution. Raises ConfigError for a resolution outside
    4 .. 1024 and for a negative seed or index.
    """
    parameters = draw_parameters(seed, index)
    return Face(paint_face(parameters, resolution), attributes_of(parameters))


def paint_face(parameters: FaceParameters, resolution: int) -> NDArray[np.uint8]:
    """HWC uint8 RGB picture of a face, painted larger and averaged down. Raises ConfigError outside 4 .. 1024 px."""
    if not MIN_RESOLUTION <= resolution <= LARGEST:
        raise ConfigError(
            f"resolution {resolution}: painted faces are {MIN_RESOLUTION} to {LARGEST} pixels wide; choose one"
        )
    planes = _averaged(paint(parameters, resolution * _block(resolution)), _block(resolution))
    return np.ascontiguousarray((planes.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8))


def _block(resolution: int) -> int:
    """How many painted pixels make one along each axis: at least 2 and 64 in all, but never over LARGEST in all."""
    return max(2, -(-64 // resolution)) if 2 * resolution <= LARGEST else 1


def _averaged(planes: Planes, block: int) -> Planes:
    """The means of blocks of `block` by `block` pixels."""
    rows: Planes = np.add.reduce([planes[:, first::block] for first in range(block)])
    columns: Planes = np.add.reduce([rows[:, :, first::block] for first in range(block)]) * np.float32(1 / block**2)
    return columns


def attributes_of(parameters: FaceParameters) -> dict[str, bool]:
    """A value for each of ATTRIBUTES."""
    return {name: test(parameters) for name, test in _ATTRIBUTE_TESTS.items()}


def _has_tone(face: FaceParameters, tone: str) -> bool:
    return face.hair is not None and face.hair.tone == tone

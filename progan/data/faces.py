"""Faces in photographs: the oriented square of CelebA-HQ (arXiv 1710.10196, appendix C) from five landmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from progan.data.images import BadImage, Pixels

_SUPERSAMPLING = 4  # the photo is warped at so many times the resolution, then reduced with antialiasing
_MIN_BORDER = 3  # px of the photo kept around the square, at least
_LARGEST = 8  # of a square, in longer sides of its photo
# In sides of the square:
_BORDER = 0.1  # of the photo kept around the square
_PADDING = 0.3  # around the photo where the square leaves it
_BLUR = 0.02  # standard deviation
_TOLERANCE = 1e-6  # px that a square reaches over the edge by rounding alone


@dataclass(frozen=True)
class Square:
    """An oriented square in a photo. Points are x + iy in px from the photo's top left corner; y points down."""

    centre: complex
    right: complex  # from the centre to the middle of the right side

    @property
    def side(self) -> float:
        return 2 * abs(self.right)

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the whole pixels that hold it."""
        reach = abs(self.right.real) + abs(self.right.imag) - _TOLERANCE
        x, y = self.centre.real, self.centre.imag
        return floor(x - reach), floor(y - reach), ceil(x + reach), ceil(y + reach)

    def moved(self, x: float, y: float) -> "Square":
        return Square(self.centre + complex(x, y), self.right)

    def scaled(self, factor: float) -> "Square":
        return Square(self.centre * factor, self.right * factor)


def face_square(landmarks: Sequence[float]) -> Square:
    """The square around a face. `landmarks`: ten px as in Entry. BadImage if they are missing or not of a face.

    Its right side points along the eyes, corrected by the direction from the mouth, its side is 4 distances of the
    eyes or 3.6 of eyes and mouth, whichever is more, and its centre lies a tenth of the way from the eyes to the mouth.
    """
    if len(landmarks) != 10:
        raise BadImage("no landmarks for it")
    eyes, across, down = _axes(landmarks)
    direction = across - 1j * down  # a quarter turn takes "down" to "left"
    if not eyes_in_order(landmarks) or not direction:
        raise BadImage("its landmarks are not of a face: the eyes are swapped or in line with the mouth")
    half = max(2.0 * abs(across), 1.8 * abs(down))
    return Square(eyes + 0.1 * down, direction / abs(direction) * half)


def eyes_in_order(landmarks: Sequence[float]) -> bool:
    """Whether the mouth lies to the right of one who goes from eye L to eye R, however the photo is turned."""
    _, across, down = _axes(landmarks)
    return (across.conjugate() * down).imag > 0


def _axes(landmarks: Sequence[float]) -> tuple[complex, complex, complex]:
    """The middle of the eyes, the way from eye L to eye R, the way from the eyes to the mouth."""
    left_eye, right_eye, _, left_mouth, right_mouth = map(complex, landmarks[0::2], landmarks[1::2])
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    middle_of_pixel = 0.5 + 0.5j  # landmarks count px from 0, at their middles
    return eyes + middle_of_pixel, right_eye - left_eye, mouth - eyes


@dataclass(frozen=True)
class FaceFrame:
    """Cuts the oriented square around the face, as the published CelebA-HQ was cut, at any resolution.

    CelebA-HQ as published also adds stored residuals, which need library versions of 2017 and were made for its own
    photos: they are left out here.
    """

    def side(self, entry: Any, width: int, height: int) -> int:
        """Of the square in the photo's own px."""
        square = face_square(entry.landmarks)
        if not (0 <= square.centre.real <= width and 0 <= square.centre.imag <= height):
            raise BadImage(f"its landmarks lie outside the picture of {width}x{height} px")
        if square.side > _LARGEST * max(width, height):
            there = f"a picture of {width}x{height} px"
            raise BadImage(f"by its landmarks the face takes {square.side:.0f} px of {there}")
        return round(square.side)

    def __call__(self, entry: Any, pixels: Pixels, resolution: int) -> Pixels:
        """The square at exactly `resolution` px. BadImage if the photo shows the face smaller."""
        height, width, _ = pixels.shape
        side = self.side(entry, width, height)
        if side < resolution:
            raise BadImage(f"too small: the square is {side} px, {resolution} px are wanted")
        photo, square = _surroundings(Image.fromarray(pixels), face_square(entry.landmarks), resolution)
        return _warped(*_padded(photo, square), resolution)


def _surroundings(photo: Image.Image, square: Square, resolution: int) -> tuple[Image.Image, Square]:
    """The square with a border, reduced so far that the warp's samples lie less than 1 px apart, and no further."""
    factor = max(1, floor(square.side / (2 * resolution)))
    square = square.scaled(1 / factor)
    border = max(round(_BORDER * square.side), _MIN_BORDER)
    left, top, right, bottom = square.bounds
    # Remainders of less than `factor` px at the right and bottom are left out: the scale is then exact.
    limits = photo.width // factor, photo.height // factor
    box = max(left - border, 0), max(top - border, 0), min(right + border, limits[0]), min(bottom + border, limits[1])
    if factor == 1:
        photo = photo.crop(box)
    else:
        size, source = (box[2] - box[0], box[3] - box[1]), [factor * edge for edge in box]
        photo = photo.resize(size, Image.Resampling.LANCZOS, box=(source[0], source[1], source[2], source[3]))
    return photo, square.moved(-box[0], -box[1])


def _padded(photo: Image.Image, square: Square) -> tuple[Image.Image, Square]:
    """Where the square leaves the photo: its mirror image, blurred, and fading to the median colour.

    Unchanged if it does not. Sides that the square does not cross are padded too, so that the blur, which begins a
    third of the padding before the edge, ends at the square there.
    """
    left, top, right, bottom = square.bounds
    over = -left, -top, right - photo.width, bottom - photo.height
    if max(over) <= 0:
        return photo, square
    border, least = max(round(_BORDER * square.side), _MIN_BORDER), round(_PADDING * square.side)
    pads = [max(edge + border, least) for edge in over]
    mirrored = np.pad(np.asarray(photo), ((pads[1], pads[3]), (pads[0], pads[2]), (0, 0)), mode="reflect")
    image = Image.fromarray(mirrored)
    depth = _depth(image.width, pads[0], pads[2]), _depth(image.height, pads[1], pads[3])
    blurred = image.filter(ImageFilter.GaussianBlur(_BLUR * square.side))
    image = Image.composite(blurred, image, _mask(3 * depth[0] + 1, 3 * depth[1] + 1))
    plain = Image.new("RGB", image.size, _median(image))
    return Image.composite(plain, image, _mask(*depth)), square.moved(pads[0], pads[1])


def _depth(length: int, before: int, after: int) -> NDArray[np.float32]:
    """Along one axis of the padded photo: 0 at the photo's edge, 1 at the end of the padding, negative inside."""
    place = np.arange(length, dtype=np.float32)
    depth: NDArray[np.float32] = 1 - np.minimum(place / before, place[::-1] / after)
    return depth


def _mask(columns: NDArray[np.float32], rows: NDArray[np.float32]) -> Image.Image:
    """Weights as L: of columns and rows, clipped to [0, 1], the greater."""
    across, down = (np.rint(255 * axis.clip(0, 1)).astype(np.uint8) for axis in (columns, rows))
    return Image.fromarray(np.maximum(across[None, :], down[:, None]))


def _median(image: Image.Image) -> tuple[int, ...]:
    counts = np.array(image.histogram()).reshape(3, 256).cumsum(axis=1)
    return tuple(int(np.searchsorted(channel, channel[-1] / 2)) for channel in counts)


def _warped(photo: Image.Image, square: Square, resolution: int) -> Pixels:
    size = _SUPERSAMPLING * resolution
    step, corner = 2 * square.right / size, square.centre - (1 + 1j) * square.right
    affine = (step.real, -step.imag, corner.real, step.imag, step.real, corner.imag)
    fine = photo.transform((size, size), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return np.asarray(fine.resize((resolution, resolution), Image.Resampling.LANCZOS))

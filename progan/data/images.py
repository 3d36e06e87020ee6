"""Pictures: decoding what people have, the averaged pyramid."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from progan.data.colour import to_srgb
from progan.types import MIN_RESOLUTION, DataError

Pixels = NDArray[np.uint8]  # HWC, RGB, [0, 255]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MAX_PIXELS = 100_000_000  # of one picture: more is a decompression bomb or a mistake
TOO_LARGE = f"too large: more than {MAX_PIXELS // 10**6} million px"

_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {  # what shows a picture of that orientation upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FEW_COLUMNS = 32  # px: in rows this short one addition of all channels is faster than one for each


class BadImage(DataError):
    """One picture cannot be used; the message is the reason alone, the caller knows the name."""


@dataclass(frozen=True)
class Box:
    """A square inside a picture, in whole pixels."""

    left: int
    top: int
    side: int


def decode(data: bytes) -> Pixels:
    """Decode a file of one of FORMATS (its first frame) upright (EXIF) as sRGB, transparency on white.

    BadImage if it is none, is damaged or holds more than MAX_PIXELS.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of oddities in a file that is readable all the same
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        with opened(data) as image:
            image.load()
            return np.asarray(to_srgb(_upright(image)))


@contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """A file of one of FORMATS, of which only the header was read.

    BadImage if it is none or is too large, and for whatever Pillow finds wrong while it is open.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            yield image
    except (MemoryError, DataError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise BadImage(TOO_LARGE) from error
    except UnidentifiedImageError as error:  # its message holds a memory address: not the same in every run
        what = f"no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file of a usual kind" if data else "the file is empty"
        raise BadImage(f"not a readable image: {what}") from error
    except Exception as error:  # Pillow's decoders raise many types on damaged files, all of them about this one file
        raise BadImage(f"not a readable image: {one_line(error)}") from error


def largest_resolution(side: int) -> int:
    """The largest power of two that a square of `side` px holds. DataError below MIN_RESOLUTION."""
    if side < MIN_RESOLUTION:
        raise DataError(f"the first picture's square is {side} px, at least {MIN_RESOLUTION} px are needed")
    return 1 << (side.bit_length() - 1)


def levels_of(resolution: int) -> tuple[int, ...]:
    """The sizes of a pyramid, ascending: halves of `resolution` while they are whole and at least MIN_RESOLUTION."""
    levels = [resolution]
    while levels[-1] % 2 == 0 and levels[-1] // 2 >= MIN_RESOLUTION:
        levels.append(levels[-1] // 2)
    return tuple(reversed(levels))


def pyramid(square: Pixels, resolution: int) -> dict[int, Pixels]:
    """The picture at levels_of(resolution) px, ascending: a box filter (2x2 averages), as published.

    Each level is the average of the unrounded level above and is rounded, halves to even, only when stored. A side that
    is no power of two times `resolution` is first reduced with Lanczos. BadImage if the square is smaller than
    `resolution`: pictures are never enlarged.
    """
    sums, side = _fitted(square, resolution), 1
    while sums.shape[0] > resolution:
        sums, side = _summed(sums, side), 2 * side
    levels = {resolution: _average(sums, side)}
    for size in reversed(levels_of(resolution)[:-1]):
        sums, side = _summed(sums, side), 2 * side
        levels[size] = _average(sums, side)
    return dict(sorted(levels.items()))


def _fitted(square: Pixels, resolution: int) -> Pixels:
    """The square itself if its side is a power of two times the resolution."""
    side = square.shape[0]
    if side < resolution:
        raise BadImage(f"too small: the square is {side} px, {resolution} px are wanted")
    factor, rest = divmod(side, resolution)
    if rest == 0 and factor & (factor - 1) == 0:
        return square
    return np.asarray(Image.fromarray(square).resize((resolution, resolution), Image.Resampling.LANCZOS))


def _summed(sums: NDArray[Any], side: int) -> NDArray[Any]:
    """Sums of 2x2 `sums` that are themselves of side x side pixels.

    Sums in the narrowest type are as exact as averages in float and take a seventh of the time at 1024 px: those of 4,
    16, 64, 256 pixels fit 16 bits.
    """
    wider = {1: np.uint16, 16: np.uint32}.get(side, sums.dtype)
    rows = np.add(sums[0::2], sums[1::2], dtype=wider)
    total: NDArray[Any]
    if rows.shape[0] <= _FEW_COLUMNS:
        total = rows[:, 0::2] + rows[:, 1::2]
        return total
    total = np.empty((rows.shape[0], rows.shape[1] // 2, 3), rows.dtype)
    for channel in range(3):
        np.add(rows[:, 0::2, channel], rows[:, 1::2, channel], out=total[:, :, channel])
    return total


def _average(sums: NDArray[Any], side: int) -> Pixels:
    """Of the side x side pixels in each sum, without an error before it is rounded."""
    if side == 1:
        return np.ascontiguousarray(sums)
    means = np.multiply(sums, 1 / side**2, dtype=np.float32 if sums.dtype == np.uint16 else np.float64)
    rounded: Pixels = np.rint(means, out=means).astype(np.uint8)
    return rounded


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:  # damaged EXIF data, of which Pillow's parser raises many types, do not spoil the picture
        return image
    method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


def one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

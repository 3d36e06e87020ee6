"""Pictures: decoding what people have, the square crop, the averaged pyramid, the PNG codec, reals for a network."""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional

from progan.types import MIN_RESOLUTION, DataError

Pixels = NDArray[np.uint8]  # HWC, RGB, [0, 255]
Plane = NDArray[np.float32]  # HWC, RGB, [0, 255], not rounded

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
MAX_PIXELS = 100_000_000  # of one picture: more is a decompression bomb or a mistake

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class BadImage(DataError):
    """One picture cannot be used; the message is the reason alone, the caller knows the name."""


@dataclass(frozen=True)
class Box:
    """A square inside a picture, in whole pixels."""

    left: int
    top: int
    side: int


def decode(data: bytes) -> Pixels:
    """Decode a PNG, JPEG, WebP or BMP file upright (EXIF) as RGB, transparency on white. BadImage if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            Image.MAX_IMAGE_PIXELS = MAX_PIXELS
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                image.load()
                return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise many types on damaged files, all of them about this one file
        raise BadImage(f"not a readable image: {_one_line(error)}") from error


def celeba_square(width: int, height: int) -> Box:
    """The official 128 px square of a 178x218 aligned face (rows 57..184, columns 25..152), scaled to this size.

    A picture of another shape is not in that alignment and gets its centre square.
    """
    scale = width / 178
    if abs(height - 218 * scale) > 1:
        return centre_square(width, height)
    return Box(left=int(25 * scale), top=int(57 * scale), side=round(128 * scale))


def centre_square(width: int, height: int) -> Box:
    """The largest square, centred."""
    side = min(width, height)
    return Box(left=(width - side) // 2, top=(height - side) // 2, side=side)


def largest_resolution(side: int) -> int:
    """The largest power of two that a square of `side` px holds. DataError below MIN_RESOLUTION."""
    if side < MIN_RESOLUTION:
        raise DataError(f"the first picture's square is {side} px, at least {MIN_RESOLUTION} px are needed")
    return 1 << (side.bit_length() - 1)


def cut(pixels: Pixels, box: Box) -> Pixels:
    return pixels[box.top : box.top + box.side, box.left : box.left + box.side]


def pyramid(square: Pixels, resolution: int) -> dict[int, Pixels]:
    """The picture at MIN_RESOLUTION, ..., `resolution` px, ascending.

    Each level is the 2x2 average of the unrounded level above and is rounded only when stored. BadImage if the square
    is smaller than `resolution`: pictures are never enlarged.
    """
    plane = reduce_to(square, resolution)
    levels = {resolution: _stored(plane)}
    while resolution > MIN_RESOLUTION:
        plane, resolution = halve(plane), resolution // 2
        levels[resolution] = _stored(plane)
    return dict(sorted(levels.items()))


def reduce_to(square: Pixels, resolution: int) -> Plane:
    """Unchanged if the side is `resolution`, exact 2x2 averages if it is a power of two times that, else Lanczos."""
    side = square.shape[0]
    if side < resolution:
        raise BadImage(f"too small: the square is {side} px, {resolution} px are wanted")
    factor, rest = divmod(side, resolution)
    if rest or factor & (factor - 1):
        square = np.asarray(Image.fromarray(square).resize((resolution, resolution), Image.Resampling.LANCZOS))
    plane = square.astype(np.float32)
    while plane.shape[0] > resolution:
        plane = halve(plane)
    return plane


def halve(plane: Plane) -> Plane:
    """2x2 averages, exact in float32 for nine halvings of 8-bit pixels at most: every level down to 4 px from 1024."""
    total: Plane = plane[0::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 0::2] + plane[1::2, 1::2]
    total *= np.float32(0.25)
    return total


def encode_png(pixels: Pixels) -> bytes:
    """Lossless; the same pixels give the same bytes under one Pillow version."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()


def decode_png(data: bytes, resolution: int) -> Pixels:
    """The pixels of a stored sample. BadImage unless it is an undamaged RGB PNG of `resolution` px."""
    _check_png(data)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.size != (resolution, resolution) or image.mode != "RGB":
                raise BadImage(f"is {image.mode} {image.width}x{image.height}, not RGB {resolution}x{resolution}")
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise BadImage(f"not a readable PNG: {_one_line(error)}") from error


def to_reals(images: Tensor, mirror: Tensor | None = None, fade: float = 1.0) -> Tensor:
    """Stored images as a network takes them: uint8 N3HW in [0, 255] to float N3HW in [-1, 1], on the same device.

    mirror: N bool, which images to flip left to right; None: none.
    fade: while a resolution fades in, the image is lerped with its own 2x2-averaged, nearest-doubled version, so that
    reals hold as much detail as the generator can show (arXiv 1710.10196, section 2). 1: untouched; 0: coarse only.
    """
    if mirror is not None:
        images = torch.where(mirror.to(images.device).view(-1, 1, 1, 1), images.flip(-1), images)
    reals = images.float() / 127.5 - 1
    if fade >= 1:
        return reals
    coarse = functional.interpolate(functional.avg_pool2d(reals, 2), scale_factor=2, mode="nearest")
    return fade * reals + (1 - fade) * coarse


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _from_16_bit(image)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """Pillow clips 16-bit grey at 255 instead of scaling it."""
    wide: NDArray[Any] = np.asarray(image).astype(np.float32)
    return Image.fromarray(np.rint(wide.clip(0, 65535) / 257).astype(np.uint8)).convert("RGB")


def _stored(plane: Plane) -> Pixels:
    return np.rint(plane).astype(np.uint8)


def _check_png(data: bytes) -> None:
    """Check the checksum of every chunk: Pillow skips that of the pixel data."""
    if not data.startswith(_PNG_SIGNATURE):
        raise BadImage("not a PNG")
    start = len(_PNG_SIGNATURE)
    while start < len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        body, end = data[start + 4 : start + 8 + size], start + 12 + size
        if end > len(data) or struct.pack(">I", zlib.crc32(body)) != data[end - 4 : end]:
            raise BadImage("a damaged PNG")
        start = end


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

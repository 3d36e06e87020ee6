"""How a stored sample is encoded: raw pixels for small ones; PNG, lossless WebP or JPEG for large ones.

An encoding is a name: "raw", "png", "webp" (lossless), or "jpeg" and a quality, such as "jpeg95".
"""

import io
import re
from collections.abc import Callable
from functools import cache, partial

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from progan.data.images import BadImage, Pixels, one_line
from progan.types import ConfigError

RAW = "raw"

_EXTENSIONS = {RAW: "npy", "png": "png", "webp": "webp", "jpeg": "jpg"}
# Each row less the one above it, at zlib's level 1: beside filters chosen row by row, as is the default, photographs
# come out as small, are written in half the time and read in 0.65 of it. Level 3 takes 1.5 times as long and saves 2 to
# 8 %.
_encode_png = partial(imagecodecs.png_encode, level=1, filter=imagecodecs.PNG.FILTER.UP)
# The least effort of lossless WebP still makes files 35 % smaller than PNG; more effort takes several times as long.
_encode_webp = partial(imagecodecs.webp_encode, level=20, lossless=True, method=1)
# Colour at full resolution: halved, as is the default, it shows in the generator's hair and lips.
_encode_jpeg = partial(imagecodecs.jpeg8_encode, subsampling="444")
# Straight into the batch, without the interpreter's lock: 1.0 to 1.9 times as fast as Pillow, see benchmarks/.
_DECODERS: dict[str, Callable[..., object]] = {
    "png": imagecodecs.png_decode,
    "webp": imagecodecs.webp_decode,
    "jpeg": imagecodecs.jpeg8_decode,
}
_JPEG_END = b"\xff\xd9"


def require_encoding(name: str) -> str:
    """The name itself. ConfigError for one that is not an encoding."""
    kind, quality = _split(name)
    if kind not in _EXTENSIONS or (kind == "jpeg") != bool(quality) or (quality and not 1 <= int(quality) <= 100):
        raise ConfigError(f"encoding {name!r}: choose raw, png, webp or jpeg with a quality of 1 to 100, as jpeg95")
    return name


def extension(encoding: str) -> str:
    """Of a sample's member in the shard: what stock WebDataset readers decode it by."""
    return _EXTENSIONS[_split(encoding)[0]]


def encode(pixels: Pixels, encoding: str) -> bytes:
    """One sample, HWC uint8; the same pixels give the same bytes under one version of imagecodecs."""
    if encoding == RAW:
        return raw_header(pixels.shape[0]) + pixels.tobytes()
    pixels = np.ascontiguousarray(pixels)
    kind, quality = _split(encoding)
    if kind == "png":
        return bytes(_encode_png(pixels))
    if kind == "webp":
        return bytes(_encode_webp(pixels))
    return bytes(_encode_jpeg(pixels, level=int(quality)))


def decode_into(out: NDArray[np.uint8], data: bytes, encoding: str) -> None:
    """Decode a stored sample into `out`, (H, W, 3) with H = W. BadImage unless it is an RGB picture of that size."""
    if encoding == RAW:
        _unpack(out, data)
        return
    kind, _ = _split(encoding)
    if kind == "jpeg" and not data.endswith(_JPEG_END):  # the decoder would fill the rest with grey
        raise BadImage(f"not a readable {encoding} sample: it is cut off")
    try:
        _DECODERS[kind](data, out=out)
    except (RuntimeError, ValueError) as error:
        size = f"{out.shape[1]}x{out.shape[0]}"
        raise BadImage(f"not a readable {encoding} sample of RGB {size}: {one_line(error)}") from error


@cache
def raw_header(resolution: int) -> bytes:
    """What stands before the pixels of a raw sample: the .npy header of a (resolution, resolution, 3) uint8 array."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((resolution, resolution, 3), np.uint8))
    return buffer.getvalue()[: -3 * resolution**2]


def _unpack(out: NDArray[np.uint8], data: bytes) -> None:
    header = raw_header(out.shape[0])
    if len(data) != len(header) + out.size or not data.startswith(header):
        raise BadImage(f"not a raw sample of {out.shape[1]}x{out.shape[0]}")
    out[...] = np.frombuffer(data, np.uint8, offset=len(header)).reshape(out.shape)


@cache
def _split(encoding: str) -> tuple[str, str]:
    match = re.fullmatch(r"([a-z]+)(\d*)", encoding)
    return (match[1], match[2]) if match else ("", "")

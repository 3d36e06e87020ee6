"""How a stored sample is encoded: raw pixels for small ones; PNG, lossless WebP or JPEG for large ones.

An encoding is a name: "raw", "png", "webp" (lossless), or "jpeg" and a quality, such as "jpeg95".
"""

import io
import re
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from progan.data.images import BadImage, Pixels, one_line
from progan.types import ConfigError

RAW = "raw"

_FORMATS = {"png": "PNG", "webp": "WEBP", "jpeg": "JPEG"}
_EXTENSIONS = {RAW: "npy", "png": "png", "webp": "webp", "jpeg": "jpg"}
_PNG_LEVEL = 1  # of zlib: level 3 takes 1.5 times as long and saves 2 to 8 %
_UP = 2  # PNG's filter "up": each row less the one above
# The least effort of lossless WebP still makes files 35 % smaller than PNG; more effort takes several times as long.
_WEBP_OPTIONS = {"lossless": True, "quality": 20, "method": 1}


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
    """One sample, HWC uint8; the same pixels give the same bytes under one version of Pillow and zlib."""
    if encoding == RAW:
        return raw_header(pixels.shape[0]) + pixels.tobytes()
    kind, quality = _split(encoding)
    if kind == "png":
        return _encode_png(pixels)
    options: dict[str, Any] = dict(_WEBP_OPTIONS)
    if kind == "jpeg":
        # Colour at full resolution: halved, as is the default, it shows in the generator's hair and lips.
        options = {"quality": int(quality), "subsampling": 0}
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=_FORMATS[kind], **options)
    return buffer.getvalue()


def decode_into(out: NDArray[np.uint8], data: bytes, encoding: str) -> None:
    """Decode a stored sample into `out`, (H, W, 3) with H = W. BadImage unless it is an RGB picture of that size."""
    if encoding == RAW:
        _unpack(out, data)
        return
    try:
        with Image.open(io.BytesIO(data), formats=(_FORMATS[_split(encoding)[0]],)) as image:
            if image.size != out.shape[1::-1] or image.mode != "RGB":
                raise BadImage(f"is {image.mode} {image.width}x{image.height}, not RGB {out.shape[1]}x{out.shape[0]}")
            out[...] = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise BadImage(f"not a readable {encoding} sample: {one_line(error)}") from error


@cache
def raw_header(resolution: int) -> bytes:
    """What stands before the pixels of a raw sample: the .npy header of a (resolution, resolution, 3) uint8 array."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((resolution, resolution, 3), np.uint8))
    return buffer.getvalue()[: -3 * resolution**2]


def _encode_png(pixels: Pixels) -> bytes:
    """A PNG (ISO/IEC 15948) whose rows all have the filter "up".

    Beside the filter chosen row by row, as Pillow does, photographs of 256 and 1024 px come out as small, are encoded
    in half the time and decoded by any reader in 0.65 of it: choosing costs much and the other filters undo slowly.
    """
    height, width, channels = pixels.shape
    rows = pixels.reshape(height, width * channels)
    lines = np.empty((height, 1 + rows.shape[1]), np.uint8)
    lines[:, 0] = _UP
    lines[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits a channel, colour type RGB
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), _PNG_LEVEL)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _unpack(out: NDArray[np.uint8], data: bytes) -> None:
    header = raw_header(out.shape[0])
    if len(data) != len(header) + out.size or not data.startswith(header):
        raise BadImage(f"not a raw sample of {out.shape[1]}x{out.shape[0]}")
    out[...] = np.frombuffer(data, np.uint8, offset=len(header)).reshape(out.shape)


@cache
def _split(encoding: str) -> tuple[str, str]:
    match = re.fullmatch(r"([a-z]+)(\d*)", encoding)
    return (match[1], match[2]) if match else ("", "")

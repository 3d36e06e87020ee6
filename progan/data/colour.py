"""Pictures of every mode that Pillow decodes, as 8-bit sRGB."""

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

_ROUNDING = 2  # levels of 255 by which two writers' sRGB profiles differ


def to_srgb(image: Image.Image) -> Image.Image:
    """The loaded picture as mode RGB: its ICC profile converted to sRGB, what is transparent on white.

    A broken profile, or one that does not fit the picture, is left out of account. ValueError for a mode whose range
    of values is not known.
    """
    profile = image.info.get("icc_profile")
    if image.mode == "RGB" and not profile and "transparency" not in image.info:
        return image
    base, alpha = _without_alpha(image)
    rgb = _converted(base, profile)
    if alpha is None:
        return rgb
    return Image.composite(rgb, Image.new("RGB", image.size, "white"), alpha)


def _without_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The colours as L, RGB or CMYK, and how opaque they are as L; None: all are."""
    if image.mode == "F":
        raise ValueError("holds floating-point values of unknown range; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        return _from_16_bit(image)
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        both = image.convert("LA" if grey else "RGBA")
        return both.convert("L" if grey else "RGB"), both.getchannel("A")
    if grey:
        return image.convert("L"), None
    return image if image.mode == "CMYK" else image.convert("RGB"), None


def _from_16_bit(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Pillow clips 16-bit grey at 255 instead of scaling it, and leaves its transparent value (PNG) to the reader."""
    wide: NDArray[Any] = np.asarray(image)
    if wide.size and (wide.min() < 0 or wide.max() > 65535):
        raise ValueError("holds 32-bit values of unknown range; save it with 8 or 16 bits")
    clear = image.info.get("transparency")
    alpha = None if clear is None else Image.fromarray(np.where(wide == clear, 0, 255).astype(np.uint8))
    return Image.fromarray(np.rint(wide / np.float32(257)).astype(np.uint8)), alpha


def _converted(base: Image.Image, profile: bytes | None) -> Image.Image:
    transform = _transform(profile, base.mode) if profile else None
    if transform is None:
        return base.convert("RGB")
    return transform.apply(base.convert(transform.input_mode))


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From the profile's colours to sRGB; None where there is nothing to convert: a broken profile, or sRGB itself.

    Building one takes longer than applying it, and the pictures of a set often share their profile.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if mode == "L" and source.profile.xcolor_space.strip() == "RGB":
            mode = "RGB"  # a grey copy of a colour picture, with the profile left in
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return transform if mode == "CMYK" or _changes(transform, mode) else None


def _changes(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether it does more than round. What a profile calls itself says little: sRGB goes under dozens of names."""
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, len(steps), 3)
    probe = Image.fromarray(grid) if mode == "RGB" else Image.fromarray(steps[None])
    change = ImageChops.difference(probe.convert("RGB"), transform.apply(probe))
    return int(np.asarray(change).max()) > _ROUNDING

"""Sample grids as data URIs."""

import base64
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from progan.report.records import Sample
from progan.types import DataError

PHOTOGRAPH = 64  # pixels: from this cell size on JPEG is as good to look at and much smaller


@dataclass(frozen=True)
class Picture:
    uri: str
    width: int  # pixels of the encoded image
    height: int
    sample: Sample
    reduced: bool  # shown with fewer pixels than it has


def whole_grid(sample: Sample, width: int) -> Picture:
    """The whole grid, `width` pixels wide or somewhat more."""
    return _picture(_open(sample), sample, width)


def grid_corner(sample: Sample, columns: int, rows: int, width: int) -> Picture:
    """The first columns and rows of a grid of square cells; a picture that is no such grid is kept whole."""
    image = _open(sample)
    cell = sample.resolution
    if image.width % cell == 0 and image.height % cell == 0:
        image = image.crop((0, 0, min(columns * cell, image.width), min(rows * cell, image.height)))
    return _picture(image, sample, width)


def evenly_chosen(samples: list[Sample], limit: int) -> list[Sample]:
    """At most `limit` of them, the first and the last among them."""
    if len(samples) <= limit:
        return samples
    return [samples[round(index * (len(samples) - 1) / (limit - 1))] for index in range(limit)]


def _open(sample: Sample) -> Image.Image:
    try:
        with Image.open(sample.path, formats=["PNG"]) as image:
            grid: Image.Image = image.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise DataError(f"{sample.path}: not a readable PNG; remove it and make the report again") from error
    return grid


def _picture(image: Image.Image, sample: Sample, width: int) -> Picture:
    shown = _fitted(image, width)
    reduced = shown.width < image.width
    uri = _uri(shown, photograph=sample.resolution >= PHOTOGRAPH)
    return Picture(uri, shown.width, shown.height, sample, reduced)


def _fitted(image: Image.Image, width: int) -> Image.Image:
    """Small images are enlarged by a whole factor here, because browsers make pixels of uneven size when the factor
    is not whole; large ones are reduced to `width`."""
    if image.width > width:
        return image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS)
    factor = -(-width // image.width)
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def _uri(image: Image.Image, photograph: bool) -> str:
    buffer = BytesIO()
    if photograph:
        image.save(buffer, "JPEG", quality=92, subsampling=0)
    else:
        image.save(buffer, "PNG", optimize=True)
    kind = "jpeg" if photograph else "png"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"

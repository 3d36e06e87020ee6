"""Sheets of images."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from progan.files import atomic_path
from progan.types import DataError

WIDEST = 2048  # pixels across a sample grid at most, so that large ones stay viewable


def grid_shape(resolution: int, labels: int = 0) -> tuple[int, int]:
    """(rows, columns) of the sample grids of a run that ends at `resolution` pixels: fewer where images are large.

    A row for each of the labels that are to be shown, if the grid does not become higher than wide.
    """
    columns = max(2, min(16, 2 ** (WIDEST // resolution).bit_length() // 2))
    return max(columns // 2, min(labels, columns)), columns


def tile(images: Tensor, columns: int) -> Tensor:
    """N3HW uint8 -> (rows H)(columns W)3 uint8, row by row; missing images of the last row are black."""
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    sheet = torch.zeros(rows * columns, channels, height, width, dtype=torch.uint8)
    sheet[:n] = images
    return (
        sheet.view(rows, columns, channels, height, width).permute(0, 3, 1, 4, 2).reshape(rows * height, -1, channels)
    )


def shown_width(width: int, limit: int) -> int:
    """The largest whole multiple of `width` up to `limit`, so that enlarged pixels stay of one size; else `limit`."""
    return width * (limit // width) or limit


def scaled(sheet: Tensor, width: int) -> Tensor:
    """An HW3 uint8 sheet `width` pixels wide: enlarged pixel by pixel, reduced smoothly (Lanczos)."""
    if sheet.shape[1] == width:
        return sheet
    how = Image.Resampling.NEAREST if sheet.shape[1] < width else Image.Resampling.LANCZOS
    height = max(1, round(sheet.shape[0] * width / sheet.shape[1]))
    return torch.from_numpy(np.array(Image.fromarray(sheet.numpy()).resize((width, height), how)))


def save_sheet(sheet: Tensor, path: Path) -> None:
    """Write an HW3 uint8 sheet as PNG, atomically."""
    with atomic_path(path) as temporary:
        Image.fromarray(sheet.numpy()).save(temporary, format="PNG")


def read_sheet(path: Path) -> Tensor:
    """An HW3 uint8 sheet from a PNG file; DataError when it is none."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return torch.from_numpy(np.array(image.convert("RGB")))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise DataError(f"{path}: not a readable PNG; remove it and run the same command again") from error

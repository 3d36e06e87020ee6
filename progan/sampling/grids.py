"""Sheets of images."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from progan.files import atomic_path

WIDEST = 2048  # pixels across a sample grid at most, so that large ones stay viewable


def grid_shape(resolution: int) -> tuple[int, int]:
    """(rows, columns) of the sample grids of a run that ends at `resolution` pixels: fewer where images are large."""
    columns = max(2, min(16, 2 ** (WIDEST // resolution).bit_length() // 2))
    return columns // 2, columns


def tile(images: Tensor, columns: int) -> Tensor:
    """N3HW uint8 -> (rows H)(columns W)3 uint8, row by row; missing images of the last row are black."""
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    sheet = torch.zeros(rows * columns, channels, height, width, dtype=torch.uint8)
    sheet[:n] = images
    return (
        sheet.view(rows, columns, channels, height, width).permute(0, 3, 1, 4, 2).reshape(rows * height, -1, channels)
    )


def save_sheet(sheet: Tensor, path: Path) -> None:
    """Write an HW3 uint8 sheet as PNG, atomically."""
    with atomic_path(path) as temporary:
        Image.fromarray(sheet.numpy()).save(temporary, format="PNG")

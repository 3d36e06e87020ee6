"""A legend below a picture."""

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

LETTERS = 40  # of the font's height across a picture: readable when it is shown at half its size
INK, PAPER = (235, 235, 235), (24, 24, 24)


def with_legend(sheet: Tensor, left: str, right: str) -> Tensor:
    """An HW3 uint8 sheet with a bar below that bears one text at its left and one at its right end."""
    height, width, _ = sheet.shape
    size = max(8, width // LETTERS)
    font, margin = ImageFont.load_default(size), size // 2
    canvas = Image.new("RGB", (width, height + 2 * size), PAPER)
    canvas.paste(Image.fromarray(sheet.numpy()))
    draw = ImageDraw.Draw(canvas)
    draw.text((margin, height + size), left, INK, font, anchor="lm")
    draw.text((width - margin, height + size), right, INK, font, anchor="rm")
    return torch.from_numpy(np.array(canvas))

"""The colour of skin under a light."""

from __future__ import annotations

import numpy as np

from progan.data.painting.canvas import Plane, Planes, mix, unit
from progan.data.painting.parameters import Colour, Light


def skin_tone(skin: Colour, light: Light, lit: Plane) -> Planes:
    """3HW colour of skin under the light `lit` (1 is full): shadows are warmer and more saturated than lights."""
    shadow = mix((0.34, 0.24, 0.23), (0.30, 0.25, 0.27), 0.5 - 0.5 * light.warmth)
    bright = mix((1.06, 1.07, 1.10), (1.12, 1.06, 0.99), 0.5 + 0.5 * light.warmth)
    planes = [tone * (low + (high - low) * lit) for tone, low, high in zip(skin, shadow, bright, strict=True)]
    return unit(np.stack(planes))

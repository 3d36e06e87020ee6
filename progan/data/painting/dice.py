"""Draws of plain Python numbers and colours, all functions of (seed, index)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np

from progan.data.painting.canvas import mix, scaled
from progan.data.painting.parameters import Colour
from progan.types import ConfigError

Choice = TypeVar("Choice")


class Dice:
    """Draws in plain Python numbers, so that no float64 array type reaches the painter."""

    def __init__(self, seed: int, index: int) -> None:
        if seed < 0 or index < 0:
            raise ConfigError(f"synthetic face (seed {seed}, index {index}): both must be 0 or more")
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, index])))
        # One call for all: a face takes some 250 numbers, and a call for each would cost as much as an eye.
        self._numbers: Iterator[float] = iter(generator.random(1024).tolist())

    def unit(self) -> float:
        """Uniform in [0, 1)."""
        return next(self._numbers)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.unit()

    def around(self, centre: float, spread: float) -> float:
        """Bell-shaped in centre +- 3 spreads, with standard deviation `spread`."""
        return centre + spread * 2 * (self.unit() + self.unit() + self.unit() - 1.5)

    def chance(self, probability: float) -> bool:
        return self.unit() < probability

    def weighted(self, weights: Sequence[float]) -> int:
        """An index, as often as its weight says."""
        point = self.unit() * sum(weights)
        return min(bisect_right(list(accumulate(weights)), point), len(weights) - 1)

    def one_of(self, choices: Sequence[Choice]) -> Choice:
        return choices[int(self.unit() * len(choices))]

    def blend(self, colours: Sequence[Colour]) -> Colour:
        """A colour between two neighbours of a list."""
        place = self.unit() * (len(colours) - 1)
        return along(colours, place)

    def vary(self, colour: Colour, spread: float) -> Colour:
        """The colour a little lighter or darker, its channels a little apart."""
        lightness = self.around(1.0, spread)
        red, green, blue = (tone * self.around(1.0, spread * 0.35) for tone in colour)
        return scaled((red, green, blue), lightness)


def along(colours: Sequence[Colour], place: float) -> Colour:
    first = min(int(place), len(colours) - 2)
    return mix(colours[first], colours[first + 1], place - first)

"""Latent vectors and labels for generated images, drawn from counters."""

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from progan.random import draw, generator
from progan.types import UNLABELLED, LabelSpace, LatentSpace


def draw_latents(seed: int, stream: str, counter: int, count: int, space: LatentSpace) -> Tensor:
    """`count` latents NZ of the space, on the CPU."""
    return draw(space, count, generator(seed, stream, counter))


def draw_labels(seed: int, stream: str, counter: int, count: int, space: LabelSpace) -> Tensor:
    """`count` labels of the space, int64, on the CPU: N, or NK of several an image; UNLABELLED where there are none."""
    if space.classes == 0:
        return torch.full((count,), UNLABELLED)
    ends, combinations = _table(space)
    places = torch.randint(int(ends[-1]), (count,), generator=generator(seed, stream, counter))
    numbers = torch.searchsorted(torch.tensor(ends), places, right=True)
    return torch.tensor(combinations)[numbers] if space.several else numbers


@functools.lru_cache(maxsize=4)
def _table(space: LabelSpace) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the images of each class, or of each combination of labels, end; and the combinations, NK.

    There may be thousands, too many to be made of text for every draw.
    """
    counts = space.counts or (1,) * (len(space.combinations) or space.classes)
    rows = [[int(held) for held in combination] for combination in space.combinations]
    return np.cumsum(counts, dtype=np.int64), np.array(rows, np.int64)


def grid_labels(count: int, space: LabelSpace, columns: int) -> Tensor:
    """Labels of a sample grid: the class changes from row to row; of several labels a row has none, or one of them."""
    return listed_labels(torch.arange(count) // columns, space)


def listed_count(space: LabelSpace) -> int:
    """How many labels there are to show."""
    return space.classes + space.several


def listed_labels(numbers: Tensor, space: LabelSpace) -> Tensor:
    """Number 0, 1, ... of the labels to show, which repeat: the classes in order, or none and each of several alone."""
    if space.several:
        rows = torch.cat([torch.zeros(1, space.classes, dtype=torch.long), torch.eye(space.classes, dtype=torch.long)])
        return rows[numbers % len(rows)]
    return numbers % space.classes if space.classes else torch.full_like(numbers, UNLABELLED)

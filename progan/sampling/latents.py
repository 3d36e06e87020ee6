"""Latent vectors and labels for generated images, drawn from counters."""

import torch
from torch import Tensor

from progan.random import generator
from progan.types import UNLABELLED


def draw_latents(seed: int, stream: str, counter: int, count: int, dim: int) -> Tensor:
    """`count` latents NZ from N(0, 1), on the CPU."""
    return torch.randn(count, dim, generator=generator(seed, stream, counter))


def draw_labels(seed: int, stream: str, counter: int, count: int, num_classes: int) -> Tensor:
    """`count` labels, uniform over the classes, on the CPU; UNLABELLED where there are no classes."""
    if num_classes == 0:
        return torch.full((count,), UNLABELLED)
    return torch.randint(num_classes, (count,), generator=generator(seed, stream, counter))


def grid_labels(count: int, num_classes: int, columns: int) -> Tensor:
    """Labels of a sample grid: the class changes from row to row."""
    if num_classes == 0:
        return torch.full((count,), UNLABELLED)
    return torch.arange(count) // columns % num_classes

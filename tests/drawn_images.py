"""Random images in place of a prepared set."""

import torch

from progan.random import generator
from progan.types import Batch


class RandomImages:
    """Real images that are a function of their position; notes which were asked for."""

    def __init__(self, labelled: int = 0) -> None:
        """labelled: how many of each batch, the first ones, have a label."""
        self.labelled = labelled
        self.asked: list[tuple[int, int, int]] = []

    def batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        self.asked.append((resolution, position, count))
        draw = generator(0, f"images-{resolution}", position)
        images = torch.randint(0, 256, (count, 3, resolution, resolution), dtype=torch.uint8, generator=draw)
        number = torch.arange(count)
        return Batch(images[part], torch.where(number < self.labelled, number % 2, -1)[part])

    def labelled_batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        images = self.batch(resolution, position, count, part).images
        return Batch(images, torch.arange(count)[part] % 2)

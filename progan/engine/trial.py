"""Rounds on random images: to count or to time what they cost."""

from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor, nn

from progan.distributed.world import World
from progan.engine.rounds import Moment, Rules, calibrate, read_reals
from progan.engine.settings import OptimConfig
from progan.engine.train import Training, play_round, start
from progan.schedule import Phase
from progan.systems.system import System
from progan.types import UNLABELLED, Batch, DataSpec


class RandomImages:
    """Noise in place of real images, with labels as the set has them: each image is of its first class."""

    def __init__(self, data: DataSpec) -> None:
        self._data = data
        self._images = torch.empty(0, dtype=torch.uint8)

    def batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        shape = (count, 3, resolution, resolution)
        if self._images.shape != shape:  # drawn once, for what is timed is not their drawing
            self._images = torch.randint(0, 256, shape, dtype=torch.uint8)
        return Batch(self._images[part], self._labels(count)[part])

    def labelled_batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        return self.batch(resolution, position, count, part)

    def _labels(self, count: int) -> Tensor:
        if not self._data.num_classes:
            return torch.full((count,), UNLABELLED)
        return torch.zeros((count, self._data.num_classes) if self._data.multilabel else (count,), dtype=torch.int64)


class Rounds(Protocol):
    """What can be counted and timed."""

    @property
    def period(self) -> int:
        """Rounds after which their costs repeat: all is done in the first, and less in the others."""
        ...

    def modules(self) -> list[nn.Module]:
        """All that holds tensors but for the optimizers."""
        ...

    def play(self, number: int) -> object:
        """Play the round of that number; on a GPU it may still be under way."""
        ...


class Trial:
    """A training that stays at one phase, by one process of several; phase.batch is that process's share."""

    def __init__(
        self,
        system: System,
        optim: OptimConfig,
        phase: Phase,
        data: DataSpec,
        device: torch.device,
        processes: int = 1,
    ) -> None:
        self.training: Training = start(system, optim)
        self._phase, self._images = phase, RandomImages(data)
        self._rules = Rules(0, optim, True, 1, World(), device)
        calibrate(system, replace(phase, batch=phase.batch * processes), self._images, self._rules)

    @property
    def period(self) -> int:
        return max(objective.period for objective in self.training.system.objectives.values())

    def modules(self) -> list[nn.Module]:
        system = self.training.system
        return [*system.networks.values(), *system.objectives.values(), self.training.average]

    def play(self, number: int) -> dict[str, Tensor]:
        moment = Moment(self._phase, number * self._phase.batch)
        self.training.images_seen = moment.images_seen
        reals, _ = read_reals(self.training.system, moment, self._images, self._rules, False)
        return play_round(self.training, moment, reals, self._rules)

"""Orders: which sample stands at a position of the endless row that all processes share.

Each is a pure function of (seed, position). So going on after a restart costs nothing, and another number of processes
or of workers, or another batch size, neither repeats nor leaves out a sample.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from progan.random import generator
from progan.types import UNLABELLED, DataError

Numbers = NDArray[np.int64]

METRIC_SEED = 0  # of the order that metrics take: no training's, so that all runs are measured with the same images
_KEPT = 3  # permutations: a batch can lie across the end of an epoch


class Order(Protocol):
    def rows(self, positions: Numbers) -> Numbers:
        """Sample numbers at these positions, as many."""
        ...


class Shuffled:
    """An endless row of permutations, one an epoch."""

    def __init__(self, count: int, seed: int, stream: str = "data-order") -> None:
        self._epochs = _permutations(count, seed, stream)

    def rows(self, positions: Numbers) -> Numbers:
        return self._epochs.at(positions)


class Balanced:
    """As many samples of each class as of any other, however many there are.

    A block of K positions holds each of the K classes once, in an order of its own. The sample of a class in block b is
    number b of an endless row of permutations of the class's samples: none is shown again before all were shown.
    """

    def __init__(self, labels: Tensor, num_classes: int, seed: int, asked_by: str = "data.balanced") -> None:
        """labels: int64 N; UNLABELLED samples are left out. DataError for a class without a sample.

        asked_by: the setting to be named then.
        """
        self._labels = _blocks(num_classes, seed, "class-blocks")
        self._members = [np.flatnonzero(labels.numpy() == number) for number in range(num_classes)]
        for number, members in enumerate(self._members):
            if not len(members):
                raise DataError(
                    f"{asked_by}: class {number} has no labelled image; each needs one, prepare the set with it"
                )
        self._epochs = [
            _permutations(len(members), seed, f"class-order-{number}") for number, members in enumerate(self._members)
        ]

    def rows(self, positions: Numbers) -> Numbers:
        blocks = positions // len(self._members)
        labels = self._labels.at(positions)
        rows = np.empty_like(positions)
        for label in np.unique(labels).tolist():
            chosen, members = labels == label, self._members[label]
            rows[chosen] = members[self._epochs[label].at(blocks[chosen])]
        return rows


def labelled_subset(labels: Tensor, num_classes: int, each: int, seed: int) -> Tensor:
    """The same labels, int64 N, for `each` samples of every class, drawn by the seed; UNLABELLED for all others.

    DataError for a class with fewer.
    """
    subset = torch.full_like(labels, UNLABELLED)
    for number in range(num_classes):
        members = (labels == number).nonzero().flatten()
        if len(members) < each:
            raise DataError(f"data.labelled_per_class: {each}, but class {number} has {len(members)} images; lower it")
        drawn = torch.randperm(len(members), generator=generator(seed, "labelled-subset", number))[:each]
        subset[members[drawn]] = number
    return subset


class _Kept:
    """Draws number 0, 1, ... of `count` numbers each; the few last used are kept."""

    def __init__(self, count: int, draw: Callable[[int], Tensor]) -> None:
        self.count = count
        self._draw = draw
        self._kept: OrderedDict[int, Numbers] = OrderedDict()

    def __call__(self, number: int) -> Numbers:
        if number not in self._kept:
            self._kept[number] = self._draw(number).numpy()
        self._kept.move_to_end(number)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return self._kept[number]

    def at(self, positions: Numbers) -> Numbers:
        """Place p mod count of draw p div count."""
        draws, places = np.divmod(positions, self.count)
        found = np.empty_like(positions)
        for number in dict.fromkeys(draws.tolist()):
            chosen = draws == number
            found[chosen] = self(number)[places[chosen]]
        return found


def _permutations(count: int, seed: int, stream: str) -> _Kept:
    """Of so many numbers, one an epoch."""
    return _Kept(count, lambda epoch: torch.randperm(count, generator=generator(seed, stream, epoch)))


def _blocks(count: int, seed: int, stream: str) -> _Kept:
    """Short permutations one after another, thousands at a time: each by itself would cost as much."""
    each = max(1, 2**16 // count)

    def draw(number: int) -> Tensor:
        keys = torch.rand(each, count, generator=generator(seed, stream, number))
        return keys.argsort(dim=1, stable=True).flatten()

    return _Kept(each * count, draw)

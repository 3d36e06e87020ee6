"""The order of a streamed set: lanes of whole shards, a place in each being a function of images seen alone.

An order over single samples would need any shard at any time. Here each of V lanes owns every V-th shard and goes
through them one after another; a batch takes as many samples from each lane. V does not depend on the processes, so
they all see one order, and a lane begins its next epoch by itself, so that no process can run out before another.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray

from progan.data.manifest import Shard
from progan.random import generator


@dataclass(frozen=True)
class Span:
    """The samples of one shard."""

    shard: int  # number
    first: int  # number of its first sample in the set
    count: int


def spans(shards: Sequence[Shard]) -> list[Span]:
    """Of all shards of a resolution, in order."""
    starts = accumulate((shard.count for shard in shards), initial=0)
    return [Span(number, start, shard.count) for number, (shard, start) in enumerate(zip(shards, starts, strict=False))]


def lane_count(lanes: int, shards: int) -> int:
    """How many lanes there are where `lanes` are asked for: a power of two, so that it divides batches."""
    return 1 << (min(lanes, shards).bit_length() - 1)


class Lane:
    """An endless row of epochs, each a permutation of the lane's shards with the samples inside each permuted.

    A visit is one shard in one epoch; visits are numbered from the first on.
    """

    def __init__(self, seed: int, name: str, members: Sequence[Span]) -> None:
        """name: tells this lane's random numbers from those of other orders."""
        self._seed = seed
        self._name = name
        self._members = members
        self._count = sum(span.count for span in members)
        self._epoch = lru_cache(maxsize=4)(self._drawn)
        self.order = lru_cache(maxsize=4)(self._drawn_order)

    @property
    def visits_per_epoch(self) -> int:
        return len(self._members)

    def locate(self, place: int) -> tuple[int, int]:
        """The visit that holds sample number `place` of the lane, and its place in the visit."""
        epoch, rest = divmod(place, self._count)
        _, starts = self._epoch(epoch)
        index = bisect_right(starts, rest) - 1
        return epoch * len(self._members) + index, rest - starts[index]

    def span(self, visit: int) -> Span:
        epoch, index = divmod(visit, len(self._members))
        return self._epoch(epoch)[0][index]

    def _drawn(self, epoch: int) -> tuple[list[Span], list[int]]:
        """The shards of an epoch in their order, and the place where each begins."""
        row = [self._members[number] for number in self._permutation(self._name, epoch, len(self._members))]
        starts = list(accumulate((span.count for span in row), initial=0))
        return row, starts[:-1]

    def _drawn_order(self, visit: int) -> NDArray[np.int64]:
        """The samples of a visit by their place in the shard."""
        span = self.span(visit)
        return self._permutation(f"{self._name}/shard {span.shard}", visit // len(self._members), span.count)

    def _permutation(self, name: str, counter: int, count: int) -> NDArray[np.int64]:
        numbers: NDArray[np.int64] = torch.randperm(count, generator=generator(self._seed, name, counter)).numpy()
        return numbers

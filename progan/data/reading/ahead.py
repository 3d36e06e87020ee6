"""Batches begun before they are asked for."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Request:
    """A process's part of a batch of an order."""

    resolution: int
    position: int
    count: int
    part: slice

    @property
    def following(self) -> "Request":
        return Request(self.resolution, self.position + self.count, self.count, self.part)


class Numbered(NamedTuple):
    """Samples of a set."""

    images: Tensor  # uint8 (N, H, W, 3)
    rows: NDArray[np.int64]  # their numbers in the set


class Pending(Protocol):
    """Samples on their way."""

    def result(self) -> Numbered:
        """Wait for them. DataError for one that cannot be read."""
        ...

    def cancel(self) -> object:
        """They are not needed any more."""
        ...


class ReadAhead:
    """Training asks for one batch after the other: so many following the last one asked for are begun already."""

    def __init__(self, begin: Callable[[Request], Pending], depth: int) -> None:
        self._begin = begin
        self._depth = depth
        self._begun: deque[tuple[Request, Pending]] = deque()

    def take(self, request: Request) -> Pending:
        if not self._begun or self._begun[0][0] != request:  # the first batch, or that of a new phase
            self.drop()
            self._begun.append((request, self._begin(request)))
        batch = self._begun.popleft()[1]
        while len(self._begun) < self._depth:
            following = self._begun[-1][0].following if self._begun else request.following
            self._begun.append((following, self._begin(following)))
        return batch

    def drop(self) -> None:
        """Forget what was begun."""
        while self._begun:
            self._begun.popleft()[1].cancel()

"""Batches begun before they are asked for."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Request:
    """A process's part of a batch of the global order."""

    resolution: int
    position: int
    count: int
    part: slice

    @property
    def following(self) -> "Request":
        return Request(self.resolution, self.position + self.count, self.count, self.part)


class Pending(Protocol):
    """Samples on their way."""

    def result(self) -> Tensor:
        """Wait for them: uint8 (N, H, W, 3)."""
        ...

    def cancel(self) -> None: ...


class Begun(NamedTuple):
    """A batch on its way."""

    rows: NDArray[np.int64]  # sample numbers
    pending: Pending

    def cancel(self) -> None:
        self.pending.cancel()


class Cancellable(Protocol):
    def cancel(self) -> object: ...


B = TypeVar("B", bound=Cancellable)


class ReadAhead(Generic[B]):
    """Training asks for one batch after the other: so many following the last one asked for are begun already."""

    def __init__(self, begin: Callable[[Request], B], depth: int) -> None:
        self._begin = begin
        self._depth = depth
        self._begun: deque[tuple[Request, B]] = deque()

    def take(self, request: Request) -> B:
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

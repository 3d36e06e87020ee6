"""Samples that cannot be read, and those that stand in for them."""

import numpy as np
from numpy.typing import NDArray

from progan.data.reading.reader import UnreadableSample
from progan.types import DataError


class Skipped:
    """For each sample that could not be read the next one that can be, after the last of the set the first.

    Which sample that is depends on the damage alone, so processes that meet the same damage show the same samples.
    """

    def __init__(self, count: int, limit: int | None) -> None:
        """count: samples of the set. limit: samples that may be skipped; None: what cannot be read is raised."""
        self.count = count
        self._limit = limit
        self.reasons: dict[tuple[int, int], str] = {}  # (resolution, sample): what is wrong, in the order they were met

    def note(self, resolution: int, problem: UnreadableSample) -> None:
        """DataError once there are more than `limit`, or no others."""
        self._note((resolution, problem.row), problem)

    def note_shard(self, problem: DataError) -> None:
        """A whole shard of a stream: it counts as one."""
        if str(problem) not in self.reasons.values():
            self._note((0, len(self.reasons)), problem)

    def stand_ins(self, resolution: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The samples to read for these."""
        if not self.reasons:
            return rows
        return np.array([self._stand_in(resolution, row) for row in rows.tolist()], np.int64)

    def _stand_in(self, resolution: int, row: int) -> int:
        while (resolution, row) in self.reasons:
            row = (row + 1) % self.count
        return row

    def _note(self, what: tuple[int, int], problem: DataError) -> None:
        if self._limit is None:
            raise problem
        self.reasons[what] = str(problem)
        skipped = len(self.reasons)
        if skipped > self._limit:
            raise DataError(f"{problem} ({skipped} skipped, more than data.max_skipped {self._limit})")
        if skipped >= self.count and sum(resolution == what[0] for resolution, _ in self.reasons) == self.count:
            raise DataError(f"{problem} (and none of the other images can be read)")

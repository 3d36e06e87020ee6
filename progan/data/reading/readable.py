"""The samples of one resolution, each with another in its place where it cannot be read."""

import numpy as np
from numpy.typing import NDArray

from progan.data.reading.ahead import Numbered
from progan.data.reading.reader import Reader, Reading, UnreadableSample
from progan.data.reading.resident import Gathering, Resident
from progan.data.reading.skips import Skipped

Rows = NDArray[np.int64]  # numbers of samples


class Readable:
    """From files or from memory. One caller at a time."""

    def __init__(self, source: Reader | Resident, resolution: int, skips: Skipped) -> None:
        self._source = source
        self._resolution = resolution
        self._skips = skips

    def begin(self, rows: Rows) -> "Begun":
        """Start reading these samples. Nothing is raised before the result is asked for."""
        return Begun(self, rows)

    def reading(self, rows: Rows) -> tuple[Rows, Reading | Gathering]:
        """The samples to read for these, and their pixels on their way."""
        shown = self._skips.stand_ins(self._resolution, rows)
        return shown, self._source.begin(shown)

    def skip(self, problem: UnreadableSample) -> None:
        """Note the sample, and those after it up to one that can be read; or raise."""
        met: UnreadableSample | None = problem
        while met is not None:
            self._skips.note(self._resolution, met)
            met = self._problem((met.row + 1) % self._skips.count)

    def close(self) -> None:
        """Let go of files and memory."""
        self._source.close()

    def _problem(self, row: int) -> UnreadableSample | None:
        """What is wrong with a sample, or with the one that stands in for it."""
        try:
            self.reading(np.array([row]))[1].result()
        except UnreadableSample as problem:
            return problem
        return None


class Begun:
    """Samples on their way."""

    def __init__(self, source: Readable, rows: Rows) -> None:
        self._source = source
        self._rows, self._pixels = source.reading(rows)

    def result(self) -> Numbered:
        """Wait for them; where some are skipped they are those in their place. UnreadableSample for one that is not."""
        while True:
            try:
                return Numbered(self._pixels.result(), self._rows)
            except UnreadableSample as problem:
                self._source.skip(problem)
                self._rows, self._pixels = self._source.reading(self._rows)

    def cancel(self) -> None:
        """They are not needed any more."""
        self._pixels.cancel()

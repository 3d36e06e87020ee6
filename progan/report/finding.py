"""One thing looked for in a run that may have gone wrong: a number, its limits, a sentence."""

from dataclasses import dataclass
from typing import Literal

State = Literal["fine", "watch", "bad", "not measured"]


@dataclass(frozen=True)
class Limits:
    """From where on a value is watched and from where on it is bad; bad < watch where small values are."""

    watch: float
    bad: float

    def judge(self, value: float) -> State:
        sign = 1 if self.bad >= self.watch else -1
        return "bad" if sign * (value - self.bad) >= 0 else "watch" if sign * (value - self.watch) >= 0 else "fine"


@dataclass(frozen=True)
class Finding:
    """What was found of one failure."""

    name: str  # of what is looked at
    measure: str  # what the value is
    value: float | None  # None: not measured
    limits: Limits | None  # None where the failure has no number
    state: State
    sentence: str


def unmeasured(name: str, measure: str, sentence: str) -> Finding:
    """Where the run has not recorded what it takes; `sentence` says what that is."""
    return Finding(name, measure, None, None, "not measured", sentence)

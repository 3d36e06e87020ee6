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
        sign = self._sign
        return "bad" if sign * (value - self.bad) >= 0 else "watch" if sign * (value - self.watch) >= 0 else "fine"

    def gain(self, before: float, now: float) -> float:
        """By how much of the value it has moved away from the bad."""
        return self._sign * (before - now) / max(abs(before), abs(now), 1e-9)

    @property
    def _sign(self) -> int:
        return 1 if self.bad >= self.watch else -1


@dataclass(frozen=True)
class Finding:
    """What was found of one failure."""

    failure: str  # what it is called where it is bad
    name: str  # of what is looked at
    measure: str  # what the value is
    value: float | None  # None: not measured
    limits: Limits | None  # None where the failure has no number
    state: State
    sentence: str  # with a remedy where the state is not fine


@dataclass(frozen=True)
class Question:
    """What is looked for."""

    failure: str
    name: str
    measure: str

    def answer(self, value: float | None, limits: Limits | None, state: State, sentence: str) -> Finding:
        return Finding(self.failure, self.name, self.measure, value, limits, state, sentence)

    def unmeasured(self, sentence: str) -> Finding:
        """Where the run has not recorded what it takes; `sentence` says what that is."""
        return self.answer(None, None, "not measured", sentence)

"""How long rounds take on the device at hand."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import torch

from progan.engine.trial import Rounds

MOST = 64  # rounds timed of a kind


@dataclass(frozen=True)
class Timing:
    """Of one process."""

    seconds: float  # of a round, mean
    rounds: int  # that were timed
    peak_bytes: int | None  # of tensors on a GPU at one time; None on a CPU, where torch does not count them


def time_rounds(trial: Rounds, device: torch.device, budget: float) -> Timing:
    """Play rounds for about `budget` seconds, but at least one of each kind.

    Rounds in which every term works and rounds in which some rest are timed by themselves.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    kinds = _kinds(trial.period)
    seconds, timed = 0.0, 0
    for share, numbers in kinds:
        mean, rounds = _mean(trial, numbers, device, budget / len(kinds))
        seconds += share * mean
        timed += rounds
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return Timing(seconds, timed, peak)


def _kinds(period: int) -> list[tuple[float, Iterator[int]]]:
    """Share of all rounds, and the numbers of such rounds: those in which every term works, then the others."""
    if period == 1:
        return [(1.0, count())]
    resting = (number for number in count() if number % period)
    return [(1 / period, count(0, period)), (1 - 1 / period, resting)]


def _mean(trial: Rounds, numbers: Iterator[int], device: torch.device, budget: float) -> tuple[float, int]:
    """Seconds of a round, and of how many this is the mean: the first is left out if there is time for another."""
    first = elapsed(lambda: trial.play(next(numbers)), 1, device)
    if 2 * first > budget:
        return first, 1
    second = elapsed(lambda: trial.play(next(numbers)), 1, device)
    rounds = max(1, min(MOST, int((budget - first - second) / second)))
    return elapsed(lambda: trial.play(next(numbers)), rounds, device) / rounds, rounds


def elapsed(play: Callable[[], object], calls: int, device: torch.device) -> float:
    """Seconds of all the calls, which are not waited for one by one: on a GPU one is prepared while another runs."""
    began = time.perf_counter()
    for _ in range(calls):
        play()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began

"""What one rank meets, all learn at the same place: errors, and the wish to stop."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from progan.distributed.world import World, together
from progan.types import ConfigError, Damaged, DataError, ProganError, TrainingError

Result = TypeVar("Result")
PATIENCE = timedelta(hours=6)  # for one that measures; who stands still is found by the watch long before


def on_every_rank(call: Callable[[], Result], world: World) -> Result:
    """The result of `call`, which every rank makes at the same place.

    An error of one is raised on all at once, of the same kind. They agree over the CPU: a device is not waited for.
    """
    return with_flag(call, world, False)[0]


def with_flag(call: Callable[[], Result], world: World, flag: bool) -> tuple[Result, bool]:
    """The same, and whether `flag` is set on any of them: in one exchange."""
    if world.size == 1:
        return call(), flag
    problem: ProganError | None = None
    try:
        result = call()
    except ProganError as error:
        problem = error
    except OSError as error:  # of a disk that is full, for instance, where one rank writes for all
        problem = DataError(f"{error.filename or 'a file'}: {error.strerror or error}")
    world.pulse.arrivals += 1
    votes = torch.tensor([problem is not None, flag], dtype=torch.uint8)
    with together():
        dist.all_reduce(votes, op=dist.ReduceOp.MAX, group=_cpu_group())
    if votes[0]:
        raise _first(problem, world)
    return result, bool(votes[1])


def on_main_rank(call: Callable[[], None], world: World) -> None:
    """Rank 0 calls; the others wait for it, and learn of an error."""
    on_every_rank(call if world.is_main else lambda: None, world)


def to_main_rank(value: Result, world: World) -> list[Result]:
    """The values of all ranks, in their order, on rank 0; nothing on the others."""
    if world.size == 1:
        return [value]
    values: list[Any] = [None] * world.size
    with together():
        dist.gather_object(value, values if world.is_main else None, dst=0, group=_cpu_group())
    return values if world.is_main else []


def to_all_ranks(value: Result, world: World) -> list[Result]:
    """The values of all ranks, in their order, on each."""
    if world.size == 1:
        return [value]
    world.pulse.arrivals += 1
    values: list[Any] = [None] * world.size
    with together():
        dist.all_gather_object(values, value, group=_cpu_group())
    return values


def from_main_rank(call: Callable[[], Result], world: World) -> Result:
    """What `call` gives on rank 0, of files for instance, which ranks may see at different times.

    All learn of an error.
    """
    found = on_every_rank(lambda: call() if world.is_main else None, world)
    return cast(Result, to_all_ranks(found, world)[0])


def largest(number: int, world: World) -> int:
    """The largest of the ranks' numbers; all get the same answer."""
    return max(to_all_ranks(number, world))


def summed(numbers: Tensor, world: World) -> Tensor:
    """The sums of the ranks' numbers, which are on the CPU."""
    if world.size > 1:
        world.pulse.arrivals += 1
        numbers = numbers.clone()
        with together():
            dist.all_reduce(numbers, group=_cpu_group())
    return numbers


def _first(problem: ProganError | None, world: World) -> ProganError:
    """The problem of the lowest rank that has one, and its kind; where all have it, it is no rank's own."""
    told = (_kind(problem), str(problem)) if problem else None
    problems = to_all_ranks(told, world)
    rank, (kind, message) = next((rank, found) for rank, found in enumerate(problems) if found)
    return kind(message if all(found == (kind, message) for found in problems) else f"rank {rank}: {message}")


def _kind(problem: ProganError) -> type[ProganError]:
    """Its class, without what a narrower one carries beside the message."""
    kinds = (ConfigError, Damaged, DataError, TrainingError, ProganError)
    return next(kind for kind in kinds if isinstance(problem, kind))


@cache
def _cpu_group() -> dist.ProcessGroup:
    """All ranks over gloo. Made by the first call, on all ranks alike."""
    group: dist.ProcessGroup = dist.new_group(backend="gloo", timeout=PATIENCE)
    return group

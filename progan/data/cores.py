"""The cores that this process may use."""

import os


def cores() -> int:
    """As the scheduler or the container has it; all of the machine where the system does not tell."""
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cores_each(processes: int) -> int:
    """For each of so many processes of this node that work at the same time; one at least."""
    return max(1, cores() // processes)

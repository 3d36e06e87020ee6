"""The cores that this process may use."""

import os


def cores() -> int:
    """As the scheduler or the container has it; all of the machine where the system does not tell."""
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

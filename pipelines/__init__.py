"""The stages, as commands and as functions."""

import ctypes
import os

# torch asks the system anew for each large tensor. In pages of 2 MiB, where Linux has them, that takes so much less
# time that rounds are up to 1.14 times as fast (benchmarks/NOTES.md). torch reads it once, with its first tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt's parameters
KEPT = {_MMAP_THRESHOLD: 32 * 2**20, _TRIM_THRESHOLD: 2**30}  # bytes; the first is the most that there may be
SET_BY_USERS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> None:
    """Have glibc keep up to 1 GiB of what smaller tensors leave, for the next ones.

    Else it gives back what is free at the end of its heap from 64 MiB on, and a round asks for it many times. Other C
    libraries, and users who have set this otherwise, are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and not any(name in os.environ for name in SET_BY_USERS):
        for parameter, value in KEPT.items():
            mallopt(parameter, value)


keep_freed_memory()

"""Memory that processes of one node share: files in shared memory, gone with the last process that uses them.

A file is named by user and content, so separate runs on the same data share it too. Whoever uses one holds a shared
lock on it; who can lock it alone is the last and removes it. The lock of a killed process ends with the process: what
it left is removed by the next one that starts here.
"""

import fcntl
import mmap
import os
import weakref
from errno import ENOSPC
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from progan.types import ConfigError

SHARED_MEMORY = Path("/dev/shm")
_PREFIX = "progan-1"  # the number tells apart what is laid out differently inside


class SharedBytes:
    """So many bytes, zero at first, mapped by all processes of this user on this node that use the same name."""

    array: NDArray[np.uint8]

    def __init__(self, name: str, size: int) -> None:
        """ConfigError if shared memory has not the room."""
        _remove_abandoned()
        path = SHARED_MEMORY / f"{_own_prefix()}{name}"
        descriptor = _open_locked(path)
        # Also at the end of a program that does not close it. The pages stay until the array is dropped, too.
        self._letting_go = weakref.finalize(self, _let_go, descriptor, path)
        if os.fstat(descriptor).st_size < size:
            self._reserve(descriptor, size)
        self.array = np.frombuffer(mmap.mmap(descriptor, size), np.uint8)

    def close(self) -> None:
        self._letting_go()
        del self.array

    def _reserve(self, descriptor: int, size: int) -> None:
        """Take the room now: a page that is missing later would kill the process."""
        facts = os.statvfs(descriptor)  # before what is taken, for another process may be taking it now
        free = facts.f_bavail * facts.f_frsize + os.fstat(descriptor).st_blocks * 512
        try:
            if free < size:
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            self._letting_go()
            raise ConfigError(
                f"data.resident_gb: {size / 2**30:.3g} GiB of images do not fit {SHARED_MEMORY}, where the processes "
                f"of a node share them ({free / 2**30:.3g} GiB free); lower it, or start the container with "
                f"--shm-size={-(-size // 2**30) + 1}g"
            ) from error


def _own_prefix() -> str:
    return f"{_PREFIX}-{os.getuid()}-"


def _open_locked(path: Path) -> int:
    """A descriptor of the file at `path`, made where there is none, with a shared lock."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            rule = f"{path}: {error.strerror}; shared memory cannot be used, set it to 0"
            raise ConfigError(f"data.resident_gb: {rule}") from error
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if _is_still(descriptor, path):  # or else its last user removed it meanwhile
            return descriptor
        os.close(descriptor)


def _let_go(descriptor: int, path: Path) -> None:
    _remove_if_unused(descriptor, path)
    fcntl.flock(descriptor, fcntl.LOCK_UN)  # a mapping holds on to the file, and would to the lock
    os.close(descriptor)


def _remove_abandoned() -> None:
    for path in SHARED_MEMORY.glob(f"{_own_prefix()}*"):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # gone already
        _let_go(descriptor, path)


def _remove_if_unused(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    if _is_still(descriptor, path):
        path.unlink()


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False

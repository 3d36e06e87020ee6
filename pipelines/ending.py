"""How commands end: one line and an exit code for a user's mistake, a failed training, a signal."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from pipelines.launcher import is_main_process, launcher_number
from progan.types import LostRank, ProganError, TrainingError

USER_ERROR, TRAINING_ERROR = 2, 3
# Errors of the system that say something of the folder the user chose, not of the program.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_OF_THE_PLACE = _NO_ROOM | {
    *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE),
    *(errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP),
}
BY_PYTHON = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
AGAIN_SECONDS = 0.05  # until a signal that came at a bad moment is sent again


class _Stopped(BaseException):  # not an error that anything may handle
    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGINT and SIGTERM end the work inside cleanly with one line and exit code 128 + signal."""

    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if received:  # once is enough: a second would cut off the saving
            return
        if _is_importing(frame):  # libraries in C lose an exception there
            threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), number)).start()
            return
        received.append(number)
        raise _Stopped(number)

    try:
        with _answering({signal.SIGINT: stop, signal.SIGTERM: stop}):
            yield
    except _Stopped as stopped:
        name = signal.Signals(stopped.number).name
        print(f"stopped by {name}; the same command goes on or starts again", file=sys.stderr, flush=True)
        sys.exit(128 + stopped.number)


@contextmanager
def _answering(answers: Mapping[signal.Signals, Any]) -> Iterator[None]:
    before = {number: signal.signal(number, answer) for number, answer in answers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


@contextmanager
def user_errors() -> Iterator[None]:
    """A mistake of the user's ends the program with one line and exit code 2; training that failed with 3.

    One process alone ends cleanly on SIGINT and SIGTERM; of several each has a launcher that ends it.
    """
    try:
        with _stoppable() if launcher_number("WORLD_SIZE", 1) < 2 else _answering(BY_PYTHON):
            yield
    except ProganError as error:
        if is_main_process() or isinstance(error, LostRank):  # the main process may be the one that is lost
            print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(TRAINING_ERROR if isinstance(error, TrainingError | LostRank) else USER_ERROR)
    except UnicodeEncodeError as error:
        if sys.getfilesystemencoding() == "utf-8":
            raise
        rule = f"has letters that this locale ({error.encoding}) cannot name; set PYTHONUTF8=1"
        print(f"error: {error.object!a}: {rule}", file=sys.stderr, flush=True)
        sys.exit(USER_ERROR)
    except OSError as error:
        if error.errno not in _OF_THE_PLACE:
            raise
        where = f"{error.filename}: " if error.filename else ""
        remedy = "make room there" if error.errno in _NO_ROOM else "name another file or folder"
        print(f"error: {where}{error.strerror}; {remedy}", file=sys.stderr, flush=True)
        sys.exit(USER_ERROR)

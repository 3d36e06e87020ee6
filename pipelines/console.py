"""What people see of a running stage: one line for an error, a bar or plain lines for progress."""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from progan.types import ConfigError, LostRank, ProganError, TrainingError

USER_ERROR, TRAINING_ERROR = 2, 3
# Errors of the system that say something of the folder the user chose, not of the program.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_OF_THE_PLACE = _NO_ROOM | {
    *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE),
    *(errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP),
}
AGAIN_SECONDS = 0.05  # until a signal that came at a bad moment is sent again
LINE_SECONDS = 10.0  # between progress lines where there is no terminal


def launcher_number(name: str, otherwise: int) -> int:
    """A number that a launcher has put into the environment. ConfigError for what is none."""
    text = os.environ.get(name, "")
    if text and not text.isdecimal():
        raise ConfigError(f"{name}: {text!r} in the environment is no number; unset it, or start through torchrun")
    return int(text or otherwise)


def is_alone() -> bool:
    """Whether nothing in the environment speaks of other processes."""
    several = any(launcher_number(name, 1) > 1 for name in ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS"))
    return not several and "MASTER_ADDR" not in os.environ


def is_main_process() -> bool:
    """By the launcher's environment: known before any library is imported."""
    try:
        return launcher_number("WORLD_SIZE", 1) < 2 or launcher_number("RANK", 0) == 0
    except ConfigError:  # which is told by this process then
        return True


def say(message: str) -> None:
    """One line for the user, from the main process only. Work goes on where nobody listens any more."""
    if not is_main_process():
        return
    try:
        print(message, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except _Stopped as stopped:
        name = signal.Signals(stopped.number).name
        print(f"stopped by {name}; the same command goes on or starts again", file=sys.stderr, flush=True)
        sys.exit(128 + stopped.number)
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
        with _stoppable() if launcher_number("WORLD_SIZE", 1) < 2 else nullcontext():
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


Count = Callable[[int, int, int, str], None]  # done, of all, done by an earlier call, a note


@contextmanager
def counting(verb: str, unit: str) -> Iterator[Count]:
    """A bar with rate and time left on a terminal, else a line now and then."""
    console, started = Console(stderr=True), time.monotonic()
    bar = Progress(TextColumn(verb), BarColumn(), TextColumn("{task.description}"), console=console)
    task, last = bar.add_task("", total=None), started

    def show(done: int, total: int, before: int, note: str) -> None:
        nonlocal last
        now = time.monotonic()
        rate = (done - before) / max(now - started, 1e-6)
        left = duration((total - done) / rate) if rate else "?"
        line = ", ".join(filter(None, (f"{done} of {total} {unit}", f"{rate:.0f}/s", f"{left} left", note)))
        if console.is_terminal:
            bar.update(task, completed=done, total=total, description=line)
        elif now - last > LINE_SECONDS:
            last = now
            say(f"{verb}: {line}")

    with bar if console.is_terminal else nullcontext():
        yield show


@contextmanager
def measuring_progress() -> Iterator[Callable[[str, int, int], None]]:
    """What is being measured and how many images of it were drawn: a bar on a terminal, else a line now and then."""
    console, last = Console(stderr=True), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    task, doing = bar.add_task("", total=None), ""

    def show(what: str, done: int, total: int) -> None:
        nonlocal last, doing, task
        if what != doing:
            bar.remove_task(task)
            task, doing = bar.add_task(what, total=total or None), what
        bar.update(task, completed=done)
        now = time.monotonic()
        if not console.is_terminal and now - last > LINE_SECONDS:
            last = now
            say(f"{what}: {done} of {total}" if total else what)

    with bar if console.is_terminal and is_main_process() else nullcontext():
        yield show


class Skips:
    """Tells of images that could not be read, each once, from the process that met them."""

    def __init__(self, rank: int) -> None:
        self._rank = rank
        self._told = 0

    def tell(self, skipped: Mapping[tuple[int, int], str]) -> None:
        for reason in list(skipped.values())[self._told :]:
            print(f"skipped by rank {self._rank}: {reason}", file=sys.stderr, flush=True)
        self._told = len(skipped)


class TrainingProgress:
    """A bar on a terminal, a line a tick elsewhere: kimg, resolution, fade, images/s, time left."""

    def __init__(self, total_images: int) -> None:
        self._total = total_images
        console = Console()
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
        self._bar = Progress(*columns, console=console, disable=not (console.is_terminal and is_main_process()))
        self._task = self._bar.add_task("starting", total=total_images)

    def __enter__(self) -> "TrainingProgress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, images_seen: int, resolution: int, fade: float, rate: float, seconds_left: float | None) -> None:
        fading = "" if fade == 1 else f" fade {fade:.2f}"
        left = "" if seconds_left is None else f"  {duration(seconds_left)} left"
        line = (
            f"{images_seen / 1000:.1f}/{self._total / 1000:g} kimg  {resolution} px{fading}  {rate:.0f} images/s{left}"
        )
        if self._bar.disable:
            say(line)
        else:
            self._bar.update(self._task, completed=images_seen, description=line)


def duration(seconds: float) -> str:
    """2d 03h, 3h 04m, 4m 05s, 5s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02d}h"
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"

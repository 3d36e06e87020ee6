"""What people see of a running stage: lines, a bar or plain lines for progress."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.launcher import is_main_process

LINE_SECONDS = 10.0  # between progress lines where there is no terminal


def say(message: str) -> None:
    """One line for the user, from the main process only. Work goes on where nobody listens any more."""
    if not is_main_process():
        return
    try:
        print(message, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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

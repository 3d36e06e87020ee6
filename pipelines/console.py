"""What people see of a running stage: one line for an error, a bar or plain lines for progress."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from progan.types import ProganError, TrainingError

USER_ERROR, TRAINING_ERROR = 2, 3


def is_main_process() -> bool:
    """By the launcher's environment: known before any library is imported."""
    return int(os.environ.get("RANK", "0")) == 0


def say(message: str) -> None:
    """One line for the user, from the main process only."""
    if is_main_process():
        print(message, flush=True)


@contextmanager
def user_errors() -> Iterator[None]:
    """A mistake of the user's ends the program with one line and exit code 2; training that failed with 3."""
    try:
        yield
    except ProganError as error:
        if is_main_process():
            print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(TRAINING_ERROR if isinstance(error, TrainingError) else USER_ERROR)


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

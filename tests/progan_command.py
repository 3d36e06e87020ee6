"""The `progan` command in the process of a test, which has imported everything before."""

import contextlib
import io
import signal
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from pipelines.commands import app

NOTED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)  # by a training, up to the end of its process


class Printed(NamedTuple):
    out: str
    err: str


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    before = [signal.getsignal(number) for number in NOTED]
    try:
        yield
    finally:
        for number, handler in zip(NOTED, before, strict=True):
            signal.signal(number, handler)


def progan(*arguments: object, code: int = 0) -> Printed:
    """Call the command, which must end with this exit code."""
    out, err = io.StringIO(), io.StringIO()
    redirected = (contextlib.redirect_stdout(out), contextlib.redirect_stderr(err))
    with pytest.raises(SystemExit) as ended, _own_signals(), redirected[0], redirected[1]:
        app(args=[*map(str, arguments)], prog_name="progan")
    printed = Printed(out.getvalue(), err.getvalue())
    assert (ended.value.code or 0) == code, printed
    return printed


def refused(*arguments: object) -> str:
    """The one line that a user's mistake is told in."""
    line = progan(*arguments, code=2).err
    assert line.startswith("error: "), line
    assert line.count("\n") == 1, line
    return line

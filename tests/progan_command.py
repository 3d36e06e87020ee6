"""The `progan` command in the process of a test, which has imported everything before."""

import contextlib
import io
from typing import NamedTuple

import pytest

from pipelines.commands import app


class Printed(NamedTuple):
    out: str
    err: str


def progan(*arguments: object, code: int = 0) -> Printed:
    """Call the command, which must end with this exit code."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as ended, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
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

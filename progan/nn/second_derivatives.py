"""Whether gradients are being taken that will be differentiated again."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_WANTED = ContextVar("second derivatives are wanted", default=False)


@contextmanager
def second_derivatives() -> Iterator[None]:
    """Around the passes whose gradients a penalty differentiates."""
    before = _WANTED.set(True)
    try:
        yield
    finally:
        _WANTED.reset(before)


def own_functions_pay(device: torch.device) -> bool:
    """Whether functions written in Python, which take time of the host, may save more than that.

    On a CPU they have routines of their own. On a GPU they call torch's, and save only what torch's own second
    derivatives would cost. A compiler traces those through torch's own functions alone.
    """
    return not torch.compiler.is_compiling() and (device.type == "cpu" or _WANTED.get())

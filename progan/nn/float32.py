"""What float32 means in matrix products and convolutions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

Float32 = Literal["ieee", "tf32"]  # tf32: GPUs round the factors to 10 bits of mantissa, and are several times faster


def set_float32(how: Float32) -> None:
    """For all that follows. torch itself lets GPUs round in convolutions unless it is told not to."""
    for operation in _on_gpu():
        operation.fp32_precision = how
    for operation in _on_cpu():
        operation.fp32_precision = "ieee"


@contextmanager
def float32(how: Float32) -> Iterator[None]:
    """Inside; afterwards as before."""
    operations = [*_on_gpu(), *_on_cpu()]
    before = [operation.fp32_precision for operation in operations]
    try:
        set_float32(how)
        yield
    finally:
        for operation, how in zip(operations, before, strict=True):
            operation.fp32_precision = how


def _on_gpu() -> list[Any]:
    backends: Any = torch.backends  # its attributes are made at import, unseen by type checkers
    # rnn is unused here, but torch refuses a backend that is set by halves.
    return [backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn]


def _on_cpu() -> list[Any]:
    backends: Any = torch.backends
    return [backends.mkldnn.matmul, backends.mkldnn.conv]

"""The arithmetic in which metrics are published: float32 without shortcuts, the same algorithm every time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from progan.nn.float32 import float32


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """No TF32 or bf16 inside float32 operations, no timing-dependent choice of algorithm."""
    cudnn: Any = torch.backends.cudnn
    algorithms = (cudnn.benchmark, cudnn.deterministic)
    try:
        cudnn.benchmark, cudnn.deterministic = False, True
        with float32("ieee"):
            yield
    finally:
        cudnn.benchmark, cudnn.deterministic = algorithms


@contextmanager
def published_precision(device: torch.device) -> Iterator[None]:
    """The same, and no autocast, no gradients."""
    with exact_arithmetic(), torch.no_grad(), torch.autocast(device.type, enabled=False):
        yield

"""The arithmetic in which metrics are published: float32 without shortcuts, the same algorithm every time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def published_precision(device: torch.device) -> Iterator[None]:
    """No autocast, no TF32 or bf16 inside float32 operations, no timing-dependent choice of algorithm, no gradients."""
    backends: Any = torch.backends  # its attributes are made at import, unseen by type checkers
    operations = (
        backends.cuda.matmul,
        backends.cudnn.conv,
        backends.cudnn.rnn,  # unused here, but torch refuses a backend that is set by halves
        backends.mkldnn.matmul,
        backends.mkldnn.conv,
    )
    precisions = [operation.fp32_precision for operation in operations]
    algorithms = (backends.cudnn.benchmark, backends.cudnn.deterministic)
    try:
        for operation in operations:
            operation.fp32_precision = "ieee"
        backends.cudnn.benchmark, backends.cudnn.deterministic = False, True
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            yield
    finally:
        for operation, precision in zip(operations, precisions, strict=True):
            operation.fp32_precision = precision
        backends.cudnn.benchmark, backends.cudnn.deterministic = algorithms

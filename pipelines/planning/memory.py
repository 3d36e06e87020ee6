"""What memory a process of a training takes."""

from dataclasses import dataclass

import torch
from torch import nn

import pipelines.train  # noqa: F401 - so that this process holds what a training one does before any network
from pipelines.device import device_memory, has_gpu, main_memory
from progan.engine.tally import Tally

# The C library keeps freed blocks of up to 32 MiB. On Linux a process held by so much more than its tensors at their
# peak: 0.25 to 0.4 GB at 128 px, 0.4 at 256 px and about as much at 1024 px (benchmarks/README.md).
KEPT_WHEN_FREED = 400_000_000  # bytes, at most, and no more than is freed in a round


@dataclass(frozen=True)
class Memory:
    """Of the device that trains."""

    room: int  # bytes that a process can have
    base: int = 0  # bytes of it that are taken before there is any network
    is_main: bool = False  # of a CPU, where images of the data set are held too

    def needed(self, counted: Tally, images: int) -> int:
        """Bytes of a process. images: bytes of those that are held in main memory."""
        if not self.is_main:
            return counted.peak_bytes
        kept = min(counted.peak_bytes - counted.state_bytes, KEPT_WHEN_FREED)
        return self.base + images + counted.peak_bytes + kept


def memory_at_hand() -> Memory:
    """Of the GPU that training would use, else main memory."""
    room = device_memory()
    if has_gpu():
        return Memory(room)
    _load_libraries()
    base = main_memory()
    return Memory(room + base, base, is_main=True)


def _load_libraries() -> None:
    """What torch loads when anything is trained."""
    layer = nn.Conv2d(1, 1, 1)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 1, 1, 1)).sum().backward()
    optimizer.step()

"""Counter-based randomness: every draw is a function of (seed, stream, counter), never of what was drawn before.

Draws are made for the global batch on the CPU and then sliced by rank, so any number of processes, on any device, sees
the same numbers, and a resumed run goes on with the numbers the undisturbed run would have drawn.
"""

import hashlib

import torch
from torch import Tensor

from progan.types import LatentSpace


def key(seed: int, stream: str, counter: int) -> int:
    """A 63-bit key of (seed, stream, counter)."""
    digest = hashlib.sha256(f"{seed}/{stream}/{counter}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(seed: int, stream: str, counter: int) -> torch.Generator:
    """A CPU generator at the start of the sequence of (seed, stream, counter); streams are named by their use.

    torch's takes the lower 32 bits of a key: two of many counters may have one sequence, by a chance of 2^-32 a pair.
    """
    return torch.Generator().manual_seed(key(seed, stream, counter))


def draw(space: LatentSpace, count: int, numbers: torch.Generator | None = None) -> Tensor:
    """`count` latents NZ of the space, on the CPU; None: from torch's global generator."""
    if space.distribution == "uniform":
        return torch.rand(count, space.dim, generator=numbers) * 2 - 1
    return torch.randn(count, space.dim, generator=numbers)

"""progan: training high-resolution face generators by progressive growing."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__version__ = "0.1.0"


def load_generator(path: "Path | str") -> "nn.Module":
    """The averaged generator of a snapshot file: (latents NZ, labels N, or NK of several) -> images N3RR in [-1, 1].

    Latents as the run's `system.latents` says: N(0, 1) for progressive networks, for the others U(-1, 1) by default.
    `latent_dim` and `num_classes` of the result say what it takes; labels of an unconditional one are ignored.
    DataError when the file is not a snapshot.
    """
    from progan.engine.snapshot import load_generator as load  # torch is imported when it is needed

    return load(path)

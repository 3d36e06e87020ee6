"""Builds what measures each family of METRICS, the costly parts only when asked for and only once."""

from collections.abc import Callable
from pathlib import Path

import torch

from progan.metrics.features import inception
from progan.metrics.fidelity import FrechetDistance
from progan.metrics.gathering import Family
from progan.metrics.msssim import MultiScaleSimilarity
from progan.metrics.sliced_wasserstein import SlicedWasserstein
from progan.metrics.weights import Weights, load_weights
from progan.types import DataError


class Families:
    """The families by name, and the Inception weights one of them needs."""

    def __init__(self, seed: int, device: torch.device, weights: Path | None) -> None:
        """`weights`: the file with the Inception weights; None looks in the usual places."""
        self._setting, self._device = weights, device
        self._weights: Weights | DataError | None = None  # None: not looked for yet
        self._built: dict[str, Family] = {}
        self._builders: dict[str, Callable[[], Family]] = {
            "swd": lambda: SlicedWasserstein(seed, device),
            "msssim": lambda: MultiScaleSimilarity(device),
            "fid": lambda: FrechetDistance(inception(self.weights().tensors, device)),
        }

    def __getitem__(self, family: str) -> Family:
        """DataError where the weights are needed and cannot be had."""
        if family not in self._built:
            self._built[family] = self._builders[family]()
        return self._built[family]

    def weights(self) -> Weights:
        """Looked for once: a failure to find or fetch them is remembered and raised again at once."""
        if self._weights is None:
            try:
                self._weights = load_weights(self._setting)
            except DataError as error:
                self._weights = error
        if isinstance(self._weights, DataError):
            raise self._weights
        return self._weights

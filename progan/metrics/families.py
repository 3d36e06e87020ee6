"""Builds what measures each family of METRICS, the costly parts only when asked for and only once."""

from collections.abc import Callable

import torch

from progan.metrics.features import FeatureNetwork
from progan.metrics.fidelity import frechet_distance, inception_score, kernel_distance, precision_and_recall
from progan.metrics.gathering import Family
from progan.metrics.modes import Modes
from progan.metrics.msssim import MultiScaleSimilarity
from progan.metrics.parzen import ParzenWindow
from progan.metrics.projection import EnergyDistance
from progan.metrics.sliced_wasserstein import SlicedWasserstein
from progan.types import DataError


class Families:
    """The families by name, and the network some of them need."""

    def __init__(self, seed: int, device: torch.device, load_network: Callable[[], FeatureNetwork]) -> None:
        """load_network: called once, when a metric needs it; DataError says what is missing."""
        self._load = load_network
        self._network: FeatureNetwork | DataError | None = None  # None: not looked for yet
        self._built: dict[str, Family] = {}
        self._builders: dict[str, Callable[[], Family]] = {
            "swd": lambda: SlicedWasserstein(seed, device),
            "msssim": lambda: MultiScaleSimilarity(device),
            "fid": lambda: frechet_distance(self.network()),
            "kid": lambda: kernel_distance(self.network()),
            "is": lambda: inception_score(self.network()),
            "pr": lambda: precision_and_recall(self.network()),
            "modes": lambda: Modes(seed, device),
            "energy": lambda: EnergyDistance(seed, device),
            "parzen": lambda: ParzenWindow(device),
        }

    def __getitem__(self, family: str) -> Family:
        """DataError where the network is needed and cannot be had."""
        if family not in self._built:
            self._built[family] = self._builders[family]()
        return self._built[family]

    def network(self) -> FeatureNetwork:
        """A failure to find or fetch its weights is remembered and raised again at once."""
        if self._network is None:
            try:
                self._network = self._load()
            except DataError as error:
                self._network = error
        if isinstance(self._network, DataError):
            raise self._network
        return self._network

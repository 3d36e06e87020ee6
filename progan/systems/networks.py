"""The pairs of networks that settings name."""

from progan.systems import convolutional, dense
from progan.systems.pair import Pair, Shape
from progan.systems.settings.networks import DenseNetworks, Networks


def build_pair(config: Networks, shape: Shape) -> Pair:
    """Weights are drawn from torch's global generator. The shape is one that `config.check` lets pass."""
    return dense.build(config, shape) if isinstance(config, DenseNetworks) else convolutional.build(config, shape)

"""torch.compile for a network in training."""

from collections.abc import Iterator

import torch
from torch import nn

from progan.nn.growing import Growing

GRAPHS = 128  # kept: a layer has one for each resolution's batch, with gradients and without


def compile_network(network: nn.Module, backend: str = "inductor") -> None:
    """Compile the passes of `network` in place; its parameters and their names stay.

    Of one that grows each layer is compiled by itself: as a whole it would be compiled anew for each weight of a fade.
    """
    torch._dynamo.config.recompile_limit = GRAPHS
    for part in _layers(network) if isinstance(network, Growing) else [network]:
        part.compile(backend=backend, dynamic=False)


def _layers(network: nn.Module) -> Iterator[nn.Module]:
    for child in network.children():
        yield from child if isinstance(child, nn.ModuleList) else [child]

"""How a player's weights follow their gradients."""

import torch
from torch import nn

from progan.engine.settings import OptimizerConfig, Sgd


def make_optimizer(network: nn.Module, config: OptimizerConfig, base_lr: float) -> torch.optim.Optimizer:
    """base_lr: until the schedule sets another, where `config` has none of its own."""
    lr = base_lr if config.lr is None else config.lr
    if isinstance(config, Sgd):
        # With momentum not fused, but as torch thinks best: the fused step takes no layers that were not in use before,
        # as a growing network has.
        fused = True if config.momentum == 0 else None
        return torch.optim.SGD(network.parameters(), lr=lr, momentum=config.momentum, fused=fused)
    betas = (config.beta1, config.beta2)
    return torch.optim.Adam(network.parameters(), lr=lr, betas=betas, eps=config.eps, fused=True)

"""How a player's weights follow their gradients."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from progan.config import Settings, unless_named

Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Adam(Settings):
    """arXiv 1412.6980."""

    name: Literal["adam"] = "adam"
    lr: Rate | None = None  # None: the schedule's
    beta1: Share = 0.9
    beta2: Share = 0.999
    eps: Rate = 1e-8


class Sgd(Settings):
    """Stochastic gradient descent."""

    name: Literal["sgd"] = "sgd"
    lr: Rate | None = None  # None: the schedule's
    momentum: Share = 0.0


OptimizerConfig = Annotated[Adam | Sgd, Field(discriminator="name"), unless_named("adam")]


def moments(config: OptimizerConfig) -> int:
    """Numbers that are kept for each weight."""
    return (config.momentum > 0) if isinstance(config, Sgd) else 2


def make_optimizer(network: nn.Module, config: OptimizerConfig, base_lr: float) -> torch.optim.Optimizer:
    """base_lr: until the schedule sets another, where `config` has none of its own."""
    lr = base_lr if config.lr is None else config.lr
    if isinstance(config, Sgd):
        # With momentum not fused: that step takes no layers that were not in use before, as a growing network has.
        fused = config.momentum == 0
        return torch.optim.SGD(network.parameters(), lr=lr, momentum=config.momentum, fused=fused)
    betas = (config.beta1, config.beta2)
    return torch.optim.Adam(network.parameters(), lr=lr, betas=betas, eps=config.eps, fused=True)

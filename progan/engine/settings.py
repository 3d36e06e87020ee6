"""Settings of the players' updates."""

from typing import Annotated, Literal

from pydantic import Field

from progan.config import Positive, Settings, Share, unless_named
from progan.types import ConfigError, Role

Precision = Literal["fp32", "tf32", "bf16", "fp16"]


class Adam(Settings):
    """arXiv 1412.6980."""

    name: Literal["adam"] = "adam"
    lr: Positive | None = None  # None: the schedule's
    beta1: Share = 0.9
    beta2: Share = 0.999
    eps: Positive = 1e-8


class Sgd(Settings):
    """Stochastic gradient descent."""

    name: Literal["sgd"] = "sgd"
    lr: Positive | None = None  # None: the schedule's
    momentum: Share = 0.0


OptimizerConfig = Annotated[Adam | Sgd, Field(discriminator="name"), unless_named("adam")]


def moments(config: OptimizerConfig) -> int:
    """Numbers that are kept for each weight."""
    return (config.momentum > 0) if isinstance(config, Sgd) else 2


class OptimConfig(Settings):
    """Adam and the average of the generator. The defaults are the published ones but for the shorter half-life."""

    lr: Annotated[float, Field(gt=0)] = 0.001  # both players, where schedule.lr has no entry for the resolution
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.0
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.99
    eps: Annotated[float, Field(gt=0)] = 1e-8
    generator: OptimizerConfig | None = None  # of this player, in place of the four settings above
    discriminator: OptimizerConfig | None = None
    reset_at_fade: bool = True  # forget Adam's moments where a fade starts and ends
    ema_half_life_kimg: Annotated[float, Field(ge=0)] = 10.0  # 0: no average, samples show the generator itself
    ema_ramp_up: Annotated[float, Field(gt=0)] | None = None  # half-life at most this share of images seen
    # Of the networks' forward and backward, in penalties too; weights, norms, and the norms and means of penalties stay
    # fp32. tf32: fp32 with rounded products.
    precision: Precision = "fp32"
    # The networks' passes by torch.compile, except in gradient penalties: compiled layers have no second derivative.
    # It takes a minute or more for each resolution, once in a run. For GPUs; on a CPU nothing is gained.
    compile: bool = False
    # By resolution: a process's share of a batch is played in parts of at most so many images; none: in one. Not with
    # layers or terms that look at a whole batch, but for the groups of the minibatch statistic, which stay together.
    max_images_per_process: dict[int, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)

    def optimizer(self, role: Role) -> OptimizerConfig:
        own = self.generator if role == "generator" else self.discriminator
        return own or Adam(beta1=self.beta1, beta2=self.beta2, eps=self.eps)

    def part_size(self, resolution: int, share: int, group: int) -> int:
        """Images of the equal parts of `share` images, each of whole groups. ConfigError if none are small enough."""
        limit = self.max_images_per_process.get(resolution, share)
        sizes = [size for size in range(group, min(limit, share) + 1, group) if share % size == 0]
        if not sizes:
            raise ConfigError(
                f"optim.max_images_per_process.{resolution}: {limit} is less than a group of {group} in the minibatch "
                "statistic; raise it, or make the groups smaller"
            )
        return max(sizes)

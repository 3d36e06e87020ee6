"""What a round is played with: this process's share of real images, latents and labels, in parts that fit its memory.

Every draw is made for the global batch from the counters of the clock and cut afterwards, so neither the number of
processes nor the size of the parts changes what is trained.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from progan.data.reals import to_reals
from progan.distributed.agreement import on_every_rank
from progan.distributed.world import World
from progan.engine.play import OptimConfig
from progan.losses.objective import Round
from progan.random import generator
from progan.sampling.latents import draw_labels, draw_latents
from progan.schedule import Phase
from progan.systems.system import Play, System
from progan.types import Batch

Game = Callable[[float], Round]  # the loss scale of fp16 -> a round


class RealImages(Protocol):
    def batch(self, resolution: int, position: int, count: int, part: slice) -> Batch: ...


@dataclass(frozen=True)
class Rules:
    """What the loop needs to know beside system, schedule and data."""

    seed: int
    optim: OptimConfig
    mirror: bool
    tick_images: int
    world: World
    device: torch.device
    compare_rounds: int = 100  # between comparisons of the ranks' weights


@dataclass(frozen=True)
class Moment:
    """A round's place in the training."""

    phase: Phase
    images_seen: int  # before it


@dataclass(frozen=True)
class Stored:
    """Real images as they are stored, on the device, and which of them to mirror."""

    images: Tensor  # uint8 N3HW
    labels: Tensor
    mirror: Tensor | None  # N bool

    def reals(self, part: slice, fade: float) -> Batch:
        mirror = None if self.mirror is None else self.mirror[part]
        return Batch(to_reals(self.images[part], mirror, fade), self.labels[part])


def read_reals(
    system: System, moment: Moment, reals: RealImages, rules: Rules, flag: bool
) -> tuple[list[Stored], bool]:
    """This process's share of each batch of real images that the round reads; and whether `flag` is set on any rank.

    What one rank cannot read is raised on all.
    """

    def read() -> list[Stored]:
        return [_stored(system, moment, number, reals, rules) for number in range(system.reals_per_round)]

    return on_every_rank(read, rules.world, flag)


def _stored(system: System, moment: Moment, number: int, reals: RealImages, rules: Rules) -> Stored:
    phase, share = moment.phase, rules.world.share(moment.phase.batch)
    position = moment.images_seen * system.reals_per_round + number * phase.batch
    batch = reals.batch(phase.resolution, position, phase.batch, share)
    mirror = None
    if rules.mirror:
        draw = torch.rand(phase.batch, generator=generator(rules.seed, "mirror", position))
        mirror = (draw[share] < 0.5).to(rules.device)
    return Stored(batch.images.to(rules.device, non_blocking=True), batch.labels.to(rules.device), mirror)


def games(system: System, play: Play, moment: Moment, stored: list[Stored], rules: Rules) -> list[Game]:
    """This process's share of one play, in parts of equal size that are played one after the other."""
    phase, seen, share = moment.phase, moment.images_seen, rules.world.share(moment.phase.batch)
    draw = partial(_drawn, share, rules.device)
    latents = draw(draw_latents(rules.seed, f"latents-{play.number}", seen, phase.batch, system.latent_dim))
    labels = draw(draw_labels(rules.seed, f"labels-{play.number}", seen, phase.batch, system.num_classes))

    def game(part: slice, score_scale: float) -> Round:
        real = None if play.reads is None else stored[play.reads].reals(part, phase.fade)
        with torch.set_grad_enabled(play.player == "generator"):
            fake = Batch(system.generator(latents[part], labels[part]), labels[part])

        def uniform(stream: str) -> Tensor:
            return draw(torch.rand(phase.batch, generator=generator(rules.seed, stream, seen)))[part]

        return Round(system.discriminator, real, fake, phase.batch, seen, uniform, score_scale, system.joint)

    count = len(latents)
    size = rules.optim.part_size(phase.resolution, count, system.group)
    return [partial(game, slice(first, first + size)) for first in range(0, count, size)]


def _drawn(share: slice, device: torch.device, draw: Tensor) -> Tensor:
    return draw[share].to(device)

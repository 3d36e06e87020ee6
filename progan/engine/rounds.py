"""What a round is played with: this process's share of real images, latents and labels, in parts that fit its memory.

Every draw is made for the global batch from the counters of the clock and cut afterwards, so neither the number of
processes nor the size of the parts changes what is trained; but for layers that draw for themselves, as dropout does.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from progan.data.reals import to_reals
from progan.distributed.agreement import on_every_rank, summed, with_flag
from progan.distributed.averaging import broadcast_parameters
from progan.distributed.world import World
from progan.engine.play import Game
from progan.engine.settings import OptimConfig
from progan.losses.auxiliary import labelled
from progan.losses.objective import Round
from progan.random import generator, key
from progan.sampling.latents import draw_labels, draw_latents
from progan.schedule import Phase
from progan.systems.system import Play, System
from progan.types import Batch

Read = Callable[[int, int, int, slice], Batch]  # resolution, position, count, part


class RealImages(Protocol):
    def batch(self, resolution: int, position: int, count: int, part: slice) -> Batch: ...

    def labelled_batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        """Of the images with a label alone."""
        ...


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
    known: Tensor  # scalar, not on the device: so many have a label, of a rank's share on average if terms read labels

    def reals(self, part: slice, fade: float) -> Batch:
        mirror, labels = None if self.mirror is None else self.mirror[part], self.labels[part]
        return Batch(to_reals(self.images[part], mirror, fade), labels, self.known * len(labels) / len(self.labels))


class Reals(NamedTuple):
    """What a round reads of real images: a process's share of each batch."""

    of_all: list[Stored]
    of_labelled: list[Stored]


def read_reals(system: System, moment: Moment, reals: RealImages, rules: Rules, flag: bool) -> tuple[Reals, bool]:
    """This process's share of all that the round reads; and whether `flag` is set on any rank.

    What one rank cannot read is raised on all.
    """

    def read() -> Reals:
        return Reals(
            _batches(moment, system.reals_per_round, reals.batch, "mirror", rules),
            _batches(moment, system.labelled_per_round, reals.labelled_batch, "mirror-labelled", rules),
        )

    found, flag = with_flag(read, rules.world, flag)
    if system.reads_labels:
        # A rank whose share has few labels must not count them for more than another does.
        world = rules.world
        known = [replace(one, known=summed(one.known, world) / world.size) for one in found.of_all]
        found = found._replace(of_all=known)
    return found, flag


def _batches(moment: Moment, count: int, read: Read, stream: str, rules: Rules) -> list[Stored]:
    """`count` batches, mirrored by draws of `stream`."""
    phase, share = moment.phase, rules.world.share(moment.phase.batch)
    stored = []
    for number in range(count):
        position = moment.images_seen * count + number * phase.batch
        batch = read(phase.resolution, position, phase.batch, share)
        mirror = None
        if rules.mirror:
            draw = torch.rand(phase.batch, generator=generator(rules.seed, stream, position))
            mirror = _sent(draw[share] < 0.5, rules.device)
        known = labelled(batch.labels).sum().float()
        stored.append(Stored(_sent(batch.images, rules.device), _sent(batch.labels, rules.device), mirror, known))
    return stored


def calibrate(system: System, phase: Phase, reals: RealImages, rules: Rules) -> None:
    """Show the first real images, the same on every rank, to a system that wants to see them before it plays."""
    if system.calibrate is None:
        return
    images = on_every_rank(lambda: reals.batch(phase.resolution, 0, phase.batch, slice(None)).images, rules.world)
    torch.manual_seed(key(rules.seed, "calibration", 0))  # for layers that draw: the same on every rank
    system.calibrate(to_reals(images.to(rules.device), None, phase.fade))
    broadcast_parameters(list(system.networks.values()))  # sums may differ in their last digit between devices


def games(system: System, play: Play, moment: Moment, reals: Reals, rules: Rules) -> list[Game]:
    """This process's share of one play, in parts of equal size that are played one after the other."""
    phase, seen, share = moment.phase, moment.images_seen, rules.world.share(moment.phase.batch)
    send = partial(_sent, device=rules.device)
    latents = send(draw_latents(rules.seed, f"latents-{play.number}", seen, phase.batch, system.latents)[share])
    labels = send(draw_labels(rules.seed, f"labels-{play.number}", seen, phase.batch, system.labels)[share])

    def game(part: slice, score_scale: Tensor | float) -> Round:
        real = None if play.reads is None else reals.of_all[play.reads].reals(part, phase.fade)
        known = None if play.labelled is None else reals.of_labelled[play.labelled].reals(part, phase.fade)
        with torch.set_grad_enabled(play.player == "generator"):
            fake = Batch(system.generator(latents[part], labels[part]), labels[part])

        def uniform(stream: str) -> Tensor:
            name = f"{stream}-{play.number}" if play.number else stream
            return send(torch.rand(phase.batch, generator=generator(rules.seed, name, seen))[share][part])

        joint = system.joint and play.player == "discriminator"  # G's gradients need none of what D says of reals
        first = share.start + part.start
        return Round(system.discriminator, real, fake, phase.batch, seen, uniform, score_scale, joint, known, first)

    count = len(latents)
    size = rules.optim.part_size(phase.resolution, count, system.group)
    return [partial(game, slice(first, first + size)) for first in range(0, count, size)]


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    """To a GPU from page-locked memory: a copy from any other waits until the device has done all it was given."""
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)

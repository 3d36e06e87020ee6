"""The training loop: a generator of Ticks."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from progan.distributed.averaging import differing_rank, mean_over_ranks
from progan.distributed.world import World
from progan.engine.average import averaged_copy, decay, update_average
from progan.engine.compiling import compile_network
from progan.engine.play import Player, frozen, update
from progan.engine.rounds import Moment, RealImages, Reals, Rules, calibrate, games, read_reals
from progan.engine.settings import OptimConfig
from progan.nn.float32 import set_float32
from progan.random import key
from progan.schedule import Phase, Schedule, passes
from progan.systems.system import Play, System, set_phase
from progan.types import Role, TrainingError


@dataclass
class Training:
    """Everything that changes while training; with the settings, all that is needed to go on."""

    system: System
    players: dict[Role, Player]
    average: nn.Module  # of the generator
    images_seen: int = 0
    stage: int = 0  # index of the schedule's stage the optimizers' moments belong to


@dataclass(frozen=True)
class Tick:
    """A stretch of rounds within one stage."""

    images_seen: int  # after it
    phase: Phase  # of its last round
    losses: dict[str, float]  # "player/term" -> mean over its rounds and all ranks
    images: int  # of the tick
    seconds: float  # spent training
    maintenance_seconds: float  # spent by the consumer before it
    stopped: bool  # whether training stops here because it was asked to


@dataclass
class _Ledger:
    """The terms of the rounds since the last tick, still on the device: reading them would stop it."""

    rounds: list[dict[str, Tensor]] = field(default_factory=list)
    images_seen: list[int] = field(default_factory=list)

    def close(self, world: World, overflow_allowed: bool) -> dict[str, float]:
        """Mean of each term; TrainingError naming the first that is not finite and its image count."""
        table = {name: torch.stack([entry[name] for entry in self.rounds]).float() for name in self.rounds[0]}
        values = mean_over_ranks(torch.stack(list(table.values())), world).cpu()  # (terms, rounds)
        finite = values.isfinite()
        if not finite.all() and not (overflow_allowed and finite.any(dim=1).all()):
            self._stop(list(table), finite)
        return {name: row[ok].mean().item() for name, row, ok in zip(table, values, finite, strict=True)}

    def _stop(self, names: list[str], finite: Tensor) -> None:
        first = int((~finite.all(dim=0)).nonzero()[0])
        name = names[int((~finite[:, first]).nonzero()[0])]
        raise TrainingError(f"{name} is not finite at {self.images_seen[first]} images; the last checkpoint is intact")


def start(system: System, optim: OptimConfig) -> Training:
    """The state before the first image. What `optim` says of products of float32 holds for the process from now on."""
    set_float32("tf32" if optim.precision == "tf32" else "ieee")
    networks = system.networks
    players = {name: Player(name, networks[name], system.objectives[name], optim) for name in networks}
    average = averaged_copy(system.generator)
    if optim.compile:
        for network in networks.values():
            compile_network(network)
    return Training(system, players, average)


def train(
    training: Training,
    schedule: Schedule,
    reals: RealImages,
    rules: Rules,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Tick]:
    """Train to the end of the schedule, yielding a Tick every `tick_images` and where a stage ends.

    When `stop()` holds on any rank, all stop after the same round, the next one at the latest, with a last tick.
    The consumer may save `training` at any tick; going on from there gives the same weights as never having stopped.
    """
    ledger, began, resumed = _Ledger(), training.images_seen, time.monotonic()
    maintenance = 0.0
    if training.images_seen == 0:
        calibrate(training.system, schedule(0), reals, rules)
    while training.images_seen < schedule.total_images:
        moment = Moment(schedule(training.images_seen), training.images_seen)
        phase = moment.phase
        reals_read, stopping = read_reals(training.system, moment, reals, rules, stop())
        with _memory_told(moment, rules, training.system.group):
            ledger.rounds.append(play_round(training, moment, reals_read, rules))
        ledger.images_seen.append(training.images_seen)
        training.images_seen += phase.batch
        _compare_ranks(training, moment, rules)
        last = stopping or (rules.world.size == 1 and stop())
        if last or _tick_is_over(training, schedule, phase, rules):
            means = ledger.close(rules.world, rules.optim.precision == "fp16")
            for player in training.players.values():
                player.require_loss_scale()
            images, paused = training.images_seen - began, time.monotonic()
            yield Tick(training.images_seen, phase, means, images, paused - resumed, maintenance, last)
            if last:
                return
            ledger, began, resumed = _Ledger(), training.images_seen, time.monotonic()
            maintenance = resumed - paused


@contextmanager
def _memory_told(moment: Moment, rules: Rules, group: int) -> Iterator[None]:
    """TrainingError where a round does not fit a GPU. group: of images that stay together."""
    try:
        yield
    except torch.OutOfMemoryError:
        resolution, share = moment.phase.resolution, rules.world.share(moment.phase.batch)
        images = rules.optim.part_size(resolution, share.stop - share.start, group)
        half = images // 2 // group * group
        parts = f"play them in parts: optim.max_images_per_process.{resolution}={half}, or less"
        remedy = parts if half else "they stay together: take optim.precision=bf16 or fp16, or a smaller schedule.batch"
        raise TrainingError(
            f"{images} images of {resolution} px do not fit the memory of {rules.device} together; {remedy}"
        ) from None


def _tick_is_over(training: Training, schedule: Schedule, phase: Phase, rules: Rules) -> bool:
    seen = training.images_seen
    return (
        passes(seen - phase.batch, seen, rules.tick_images)
        or seen >= schedule.total_images
        or schedule(seen).index != phase.index
    )


def _enter(training: Training, phase: Phase, optim: OptimConfig) -> None:
    """Grow the networks to the phase; where a stage begins, forget the optimizers' moments."""
    if phase.index != training.stage and optim.reset_at_fade:
        for player in training.players.values():
            player.reset_optimizer()
    training.stage = phase.index
    for player in training.players.values():
        player.set_lr(phase)
    for network in (training.system.generator, training.system.discriminator, training.average):
        set_phase(network, phase)


def _update_average(training: Training, phase: Phase, optim: OptimConfig) -> None:
    factor = decay(phase.batch, training.images_seen, optim.ema_half_life_kimg, optim.ema_ramp_up)
    update_average(training.average, training.system.generator, factor)


def play_round(training: Training, moment: Moment, reals: Reals, rules: Rules) -> dict[str, Tensor]:
    """Each play in its turn -> the terms, on the device; of a player that plays several times their means."""
    _enter(training, moment.phase, rules.optim)
    averages = rules.optim.ema_half_life_kimg > 0
    # Before the plays: the official code averages between D's step and G's, where G is as its last step left it.
    if averages:
        _update_average(training, moment.phase, rules.optim)
    played: dict[str, list[Tensor]] = {}
    for play in training.system.plays():
        for name, value in _play(training, play, moment, reals, rules).items():
            played.setdefault(name, []).append(value)
    if not averages:
        _update_average(training, moment.phase, rules.optim)
    return {name: values[0] if len(values) == 1 else torch.stack(values).mean() for name, values in played.items()}


def _play(training: Training, play: Play, moment: Moment, reals: Reals, rules: Rules) -> dict[str, Tensor]:
    """One player's update on fresh latents and fresh reals."""
    system, player = training.system, training.players[play.player]
    opponent = system.discriminator if play.player == "generator" else system.generator
    # For layers that draw (dropout, noise): from the clock, so that a resumed run draws the same.
    torch.manual_seed(key(rules.seed, f"layers-{play.number}-{rules.world.rank}", moment.images_seen))
    with frozen(opponent):
        return update(player, games(system, play, moment, reals, rules), rules.world, rules.device)


def _compare_ranks(training: Training, moment: Moment, rules: Rules) -> None:
    """TrainingError where the ranks, which all compute the same updates, do not hold the same weights."""
    interval = rules.compare_rounds * moment.phase.batch
    if rules.world.size == 1 or not passes(moment.images_seen, training.images_seen, interval):
        return
    weights = [parameter for network in training.system.networks.values() for parameter in network.parameters()]
    rank = differing_rank(weights, rules.world)
    if rank is not None:
        raise TrainingError(
            f"rank {rank} holds other weights than rank 0 at {training.images_seen} images: its device or its link is "
            "at fault; the same command goes on from the last checkpoint"
        )


def is_finite(training: Training) -> bool:
    """Whether every parameter is finite: losses alone do not show what the last step did."""
    parameters = [p.detach() for player in training.players.values() for p in player.network.parameters()]
    return bool(torch.stack(torch._foreach_norm(parameters)).isfinite().all())

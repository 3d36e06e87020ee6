"""Train a system: the composition root, and the cadence of everything a run writes."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Literal

import torch
from accelerate import Accelerator

from pipelines.cadence import Every
from pipelines.console import Skips, TrainingProgress, say
from pipelines.device import device_model
from pipelines.facts import command, write_facts
from pipelines.journal import Journal
from pipelines.launch import (
    check_compiler,
    check_precision,
    keep_compiled,
    make_accelerator,
    make_world,
    slow_precision,
    watched,
)
from pipelines.measuring import make_evaluator
from pipelines.preflight import Checked, checked
from pipelines.recorder import Recorder
from pipelines.resume import resume, tidy
from pipelines.watch import look
from progan import engine
from progan.data.loader import Loader
from progan.data.manifest import Manifest
from progan.distributed.agreement import largest, on_every_rank, on_main_rank
from progan.distributed.averaging import broadcast_parameters
from progan.distributed.world import World
from progan.engine.rounds import Rules
from progan.engine.train import Tick, Training
from progan.rundir import RunDirectory, Status, seen_by
from progan.schedule import Schedule
from progan.settings import Config, make_schedule, untrained_system
from progan.systems.system import System, place
from progan.types import DataSpec, ProganError


@dataclass(frozen=True)
class Plan:
    """What is to be trained on what."""

    typed: str  # the command
    config: Config
    schedule: Schedule
    manifest: Manifest
    data: DataSpec  # as it is shown
    system: System


@dataclass(frozen=True)
class Here:
    """Where it is trained."""

    directory: RunDirectory
    require_in_place: Callable[[], None]  # DataError once the directory was moved or removed
    accelerator: Accelerator
    world: World
    received: Sequence[int]  # signals, so far


def train(
    config_path: Path,
    run: Path | None,
    overrides: Sequence[str],
    processes: int | None = None,
    known: Checked | None = None,
) -> None:
    """Train to the end of the schedule, from the newest checkpoint of the run where there is one.

    processes: how many there must be; None: as many as were launched. known: what config and overrides say, where that
    is known already.
    """
    received: list[int] = []
    _note(received, signal.SIGUSR1)  # which a scheduler may send before training has begun
    directory = RunDirectory(run or Path("runs") / config_path.stem)
    accelerator = make_accelerator(directory, processes)
    _note(received, signal.SIGTERM, signal.SIGINT)  # only now: while it waits for others a process may just end
    world = make_world(accelerator)
    with watched(world) as watch, ExitStack() as held:
        typed = command(config_path, overrides, run, world)
        plan = on_every_rank(lambda: _plan(typed, known or checked(config_path, overrides, world.size), world), world)
        watch.patience = 60 * plan.config.cadence.patience_minutes
        in_place = on_every_rank(lambda: held.enter_context(directory.locked(world.is_main)), world)
        training, loader = _ready(plan, directory, accelerator.device, world)
        here = Here(directory, in_place, accelerator, world, received)
        stopped = _kept_status(here, plan, lambda: _train(plan, training, loader, here))
    accelerator.end_training()
    if stopped:
        say(f"stopped; the same command goes on from {directory.root}")
        # A launcher takes any other code for a failure.
        sys.exit(0 if world.size > 1 else 128 + stopped)


def _kept_status(here: Here, plan: Plan, training: Callable[[], int]) -> int:
    """Run `training` -> the number of the signal that stopped it, 0 at the end; status.json says how it went."""
    directory = here.directory

    def write(state: Literal["running", "stopped", "finished", "failed"], signal_: str = "", problem: str = "") -> None:
        checkpoints = directory.checkpoints()
        seen = seen_by(checkpoints[-1]) if checkpoints else 0
        if here.world.is_main:
            here.require_in_place()
            directory.write_status(Status(state, seen, plan.schedule.total_images, signal_, problem))

    write("running")
    try:
        number = training()
    except Exception as error:
        write("failed", problem=str(error) if isinstance(error, ProganError) else repr(error))
        raise
    except BaseException:  # stopped at once, without a checkpoint
        write("stopped", signal.SIGINT.name)
        raise
    write("stopped" if number else "finished", signal.Signals(number).name if number else "")
    return number


def _plan(typed: str, known: Checked, world: World) -> Plan:
    config, manifest, data = known
    check_precision(config.optim.precision)
    check_compiler(config.optim.compile)
    system = untrained_system(config, data)
    say(f"training on {device_model()}" + (f", in {world.size} processes" if world.size > 1 else ""))
    if world.is_main and (note := slow_precision(config.optim.precision)):
        say(note)
    if config.system.indivisible and world.size > 1:
        say(
            f"note: {config.system.name} as set looks at a process's whole share of a batch, as batch norm does: "
            f"{world.size} processes train nearly, but not exactly, what one does"
        )
    if config.system.draws and world.size > 1:
        say(f"note: layers draw (dropout, noise), each of {world.size} processes for itself: one alone draws otherwise")
    return Plan(typed, config, make_schedule(config), manifest, data, system)


def _train(plan: Plan, training: Training, loader: Loader, here: Here) -> int:
    """Train until the end or a signal -> the signal's number, 0 at the end."""
    directory, world, received = here.directory, here.world, here.received
    config, schedule, device = plan.config, plan.schedule, here.accelerator.device
    names = config.evaluation.metrics if config.evaluation.in_training else ()
    evaluator = make_evaluator(config, loader, plan.manifest, names, world)
    recorder = Recorder(config, directory, plan.data, training, evaluator, world)
    cadence, total = config.cadence, schedule.total_images
    samples, checkpoints = Every(cadence.sample_kimg, total), Every(cadence.checkpoint_kimg, total)
    evaluation = Every(config.evaluation.every_kimg, total)
    rules = Rules(
        config.seed, config.optim, config.data.mirror, cadence.tick_images, world, device, cadence.compare_ranks_rounds
    )

    def begin() -> None:
        tidy(training, directory, config)
        write_facts(directory, plan.typed, config, plan.manifest, schedule, plan.system)
        if training.images_seen == 0:
            recorder.write_samples(schedule(0))

    def saves(tick: Tick) -> bool:
        measured = bool(config.evaluation.metrics) and evaluation.due(tick)  # here, or by progan evaluate --due
        return checkpoints.due(tick) or measured or tick.stopped

    def record(tick: Tick) -> None:
        here.require_in_place()
        journal.append(tick)
        if saves(tick) or samples.due(tick):
            journal.show(recorder.write_samples(tick.phase), tick.images_seen)
        if saves(tick):
            recorder.write_state(tick.phase)

    with closing(loader), TrainingProgress(total) as progress:
        on_main_rank(begin, world)
        last = config.schedule.resolution
        for problem in [*evaluator.undefined(last), *evaluator.preflight(last)]:
            say(problem)
        journal, skips = Journal(directory, schedule, here.accelerator, progress), Skips(world.rank)
        if names and training.images_seen == 0:
            journal.append_results(recorder.measure_untrained())
        elif names:
            journal.append_results(recorder.measure_what_was_missed(evaluation))
        if training.images_seen > 0:
            on_main_rank(partial(look, directory), world)
        tick = None
        for tick in engine.train.train(training, schedule, loader, rules, lambda: bool(received)):
            skips.tell(loader.skipped)
            on_main_rank(partial(record, tick), world)
            if names and evaluation.due(tick) and not tick.stopped:
                journal.append_results(recorder.measure())
            if saves(tick):
                on_main_rank(partial(look, directory), world)
    return largest(received[0] if tick and tick.stopped and received else 0, world)


def _ready(plan: Plan, directory: RunDirectory, device: torch.device, world: World) -> tuple[Training, Loader]:
    """Training where it stopped or at its beginning, the same on all ranks, and the images for it."""
    if plan.config.optim.compile:
        keep_compiled(directory.compiled)
    place(plan.system, device)
    training = engine.train.start(plan.system, plan.config.optim)
    resume(training, directory, plan.config, plan.data, world)

    def load() -> Loader:
        loader = Loader(plan.manifest, plan.config.data, plan.config.seed, world.local_size)
        for stage, seen in zip(plan.schedule.stages, plan.schedule.entries, strict=True):
            loader.require(stage.resolution, stage.batch, seen * plan.system.reals_per_round)
        if plan.system.labelled_per_round:
            loader.require_labelled()
        return loader

    loader = on_every_rank(load, world)
    broadcast_parameters([*plan.system.networks.values(), training.average])
    return training, loader


def _note(received: list[int], *signals: signal.Signals) -> None:
    """From now on these are appended to `received` instead of ending the process. A second SIGINT ends it if alone."""
    launched = "WORLD_SIZE" in os.environ  # launchers pass on what the terminal has sent to all already
    before = {number: signal.getsignal(number) for number in signals}

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGINT and not launched:
            signal.signal(number, before[signal.SIGINT])

    for number in signals:
        signal.signal(number, note)


if __name__ == "__main__":
    from pipelines.__main__ import main

    main(["train", *sys.argv[1:]])

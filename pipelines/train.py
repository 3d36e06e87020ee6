"""Train a system: the composition root, and the cadence of everything a run writes."""

import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import FrameType

import torch
from accelerate import Accelerator

from pipelines.console import Skips, TrainingProgress, say
from pipelines.evaluate import make_evaluator
from pipelines.facts import write_facts
from pipelines.journal import Journal
from pipelines.launch import check_fit, make_accelerator, make_world
from pipelines.overview import print_overview
from pipelines.recorder import Every, Recorder
from pipelines.resume import resume
from progan import engine
from progan.config import load
from progan.data.loader import Loader, open_set
from progan.data.manifest import Manifest
from progan.distributed import World, broadcast_parameters
from progan.engine.train import Rules
from progan.random import key
from progan.rundir import RunDirectory
from progan.schedule import Progressive
from progan.settings import Config
from progan.systems import build
from progan.systems.system import System
from progan.types import DataSpec


def train(config_path: Path, run: Path | None, dry_run: bool, overrides: Sequence[str]) -> None:
    """Train to the end of the schedule, from the newest checkpoint of the run where there is one."""
    config = load(Config, config_path, overrides)
    schedule = Progressive(config.schedule, config.optim.lr)
    if dry_run:
        print_overview(config, schedule, make_system(config, _data_or_guess(config)))
        return
    directory = RunDirectory(run or Path("runs") / config_path.stem)
    accelerator = make_accelerator(config, directory)
    world = make_world(accelerator)
    manifest = open_set(config.data)
    system = make_system(config, manifest.spec)
    check_fit(schedule, manifest.spec, system, world)
    with directory.locked(world.is_main):
        stopped = _train(config, schedule, manifest, system, directory, accelerator, world)
    if stopped:
        say(f"stopped; the same command goes on from {directory.root}")
        sys.exit(128 + stopped)


def _data_or_guess(config: Config) -> DataSpec:
    """The facts of the data; of a set not prepared yet what can be known: the resolutions."""
    if config.data.is_remote or Path(config.data.path).exists():
        return open_set(config.data).spec
    say(f"{config.data.path} is not prepared yet: taken as unlabelled")
    return DataSpec(config.schedule.resolutions, count=0, classes=(), fingerprint="")


def make_system(config: Config, data: DataSpec) -> System:
    """The untrained system: the same weights for the same seed on every rank and device."""
    torch.manual_seed(key(config.seed, "weights", 0))
    return build(config.system, data, config.schedule.resolution)


def _train(
    config: Config,
    schedule: Progressive,
    manifest: Manifest,
    system: System,
    directory: RunDirectory,
    accelerator: Accelerator,
    world: World,
) -> int:
    """Train until the end or a signal -> the signal's number, 0 at the end."""
    for network in system.networks.values():
        # Convolutions in bf16 run about twice as fast with the channels innermost.
        network.to(accelerator.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for objective in system.objectives.values():
        objective.to(accelerator.device)
    training = engine.train.start(system, config.optim)
    resume(training, directory, config, manifest.spec, world)
    broadcast_parameters([*system.networks.values(), training.average])
    loader = Loader(manifest, config.data, config.seed, world.local_size)
    for stage in schedule.stages:
        loader.require(stage.resolution, stage.batch)
    evaluator = make_evaluator(config, loader, manifest)
    recorder = Recorder(config, directory, manifest.spec, training, evaluator)
    cadence, total = config.cadence, schedule.total_images
    samples, checkpoints = Every(cadence.sample_kimg, total), Every(cadence.checkpoint_kimg, total)
    evaluation = Every(config.evaluation.every_kimg, total)
    rules = Rules(config.seed, config.optim, config.data.mirror, cadence.tick_images, world, accelerator.device)
    received = _stop_signal()
    if world.is_main:
        write_facts(directory, config, manifest, schedule, system)
        for problem in evaluator.preflight(config.schedule.resolution):
            say(problem)
        if training.images_seen == 0:
            recorder.write_samples(schedule(0))
            recorder.measure_untrained(schedule)
        recorder.measure_what_was_missed(evaluation)
    with TrainingProgress(total) as progress, closing(loader):
        journal, skips = Journal(directory, schedule, accelerator, progress), Skips(world.rank)
        for tick in engine.train.train(training, schedule, loader, rules, lambda: bool(received())):
            journal.append(tick)
            skips.tell(loader.skipped)
            if not world.is_main:
                continue
            saves = checkpoints.due(tick) or evaluation.due(tick) or tick.stopped
            if saves or samples.due(tick):
                journal.show(recorder.write_samples(tick.phase), tick.images_seen)
            if saves:
                recorder.write_state(tick.phase)
            if evaluation.due(tick) and not tick.stopped:
                recorder.measure()
    accelerator.end_training()
    return received()


def _stop_signal() -> Callable[[], int]:
    """Catch SIGTERM, SIGINT and SIGUSR1 -> a function that says which came, 0 for none. A second SIGINT kills."""
    received: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, note)
    return lambda: received[0] if received else 0


if __name__ == "__main__":
    from pipelines.__main__ import main

    main(["train", *sys.argv[1:]])

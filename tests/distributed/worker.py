"""Trains small progans in groups of processes, for the tests beside it: worker.py FOLDER SIZE:TASK ..."""

import json
import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # as optimizers do, seconds long
import torch.distributed as dist
from drawn_images import RandomImages
from torch import Tensor
from torch.nn import functional

from progan.distributed.world import World
from progan.engine.checkpoint import load_checkpoint, save_checkpoint
from progan.engine.rounds import Rules
from progan.engine.settings import OptimConfig
from progan.engine.train import Training, start, train
from progan.metrics import MetricSpec
from progan.metrics.evaluator import Evaluator
from progan.metrics.features import FeatureNetwork, Features
from progan.metrics.real_side import RealSet
from progan.sampling.generate import image_sequence
from progan.schedule import ConstantConfig, Phase, ProgressiveConfig, Schedule, constant, progressive
from progan.systems.settings import read_config
from progan.systems.settings.progan import LogisticR1Loss, ProganConfig, WassersteinLoss
from progan.systems.system import set_phase
from progan.systems.table import build
from progan.types import DataSpec, TrainingError

LOSSES = {"wgan-gp": WassersteinLoss(), "logistic-r1": LogisticR1Loss(every=2)}
PARTS = {"whole": {}, "halves": {4: 8, 8: 8}, "parts": {4: 4, 8: 4}}  # largest part of a process's share, by resolution
# 64 images at 4 px, 96 fading to 8 px, 64 stable.
SCHEDULE = ProgressiveConfig(resolution=8, fade_kimg=0.096, stable_kimg=0.064, batch={4: 16, 8: 16})
STOP_AT = 112  # images: in the middle of the fade


def begin(world: World, loss: str, parts: dict[int, int], compare: int = 4) -> tuple[Training, Schedule, Rules]:
    optim = OptimConfig(ema_half_life_kimg=0.05, max_images_per_process=parts)
    config = ProganConfig(latent_dim=8, maps_base=32, maps_max=8, loss=LOSSES[loss])
    torch.manual_seed(0)
    system = build(config, DataSpec((4, 8), 64, (), "none"), 8)
    return (
        start(system, optim),
        progressive(SCHEDULE, optim.lr),
        Rules(0, optim, True, 16, world, torch.device("cpu"), compare),
    )


def agreement(world: World, folder: Path) -> None:
    """Each loss, whole and in parts, to the end; a checkpoint in mid-fade."""
    for loss in LOSSES:
        for name, parts in PARTS.items():
            training, schedule, rules = begin(world, loss, parts)
            ticks = []
            for tick in train(training, schedule, RandomImages(), rules):
                ticks.append(tick.losses)
                if world.is_main and name == "whole" and tick.images_seen == STOP_AT:
                    save_checkpoint(training, folder / f"{loss}-{world.size}-middle.safetensors")
            if world.is_main:
                save_checkpoint(training, folder / f"{loss}-{name}-{world.size}.safetensors")
                (folder / f"{loss}-{name}-{world.size}.json").write_text(json.dumps(ticks))


def going_on(world: World, folder: Path) -> None:
    """From the checkpoint that two processes wrote in mid-fade to the end."""
    for loss in LOSSES:
        training, schedule, rules = begin(world, loss, {})
        load_checkpoint(training, folder / f"{loss}-2-middle.safetensors")
        reals = RandomImages()
        for _ in train(training, schedule, reals, rules):
            pass
        if world.is_main:
            save_checkpoint(training, folder / f"{loss}-on-{world.size}.safetensors")
            (folder / f"{loss}-on-{world.size}.json").write_text(json.dumps(reals.asked))


def family(world: World, folder: Path) -> None:
    """A system with labelled batches and several plays to the end; one that learns the few labels of its reals, all of
    them in the share of rank 0; one that normalises batches, whose ranks agree."""
    naming = {"name": "progan", "latent_dim": 8, "maps_base": 32, "maps_max": 8}
    labelled = {
        "name": "semi-supervised",
        "generator_loss": "logistic",
        "latent_dim": 8,
        "networks": {"generator": [8]},
    }
    normalising = {"name": "dcgan", "latent_dim": 8, "networks": {"generator": [[4, 8]], "discriminator": [4, 8]}}
    optim, data = OptimConfig(ema_half_life_kimg=0), DataSpec((4, 8), 64, ("one", "other"), "none")
    for tree in (labelled, naming, normalising):
        torch.manual_seed(0)
        training = start(build(read_config(tree), data, 8), optim)
        rules = Rules(0, optim, True, 16, world, torch.device("cpu"), compare_rounds=1)
        schedule = constant(ConstantConfig(resolution=8, batch=16, total_kimg=0.08), 0.01)
        for _ in train(training, schedule, RandomImages(labelled=3), rules):
            pass
        if world.is_main:
            save_checkpoint(training, folder / f"{tree['name']}-{world.size}.safetensors")


def drift(world: World, folder: Path) -> None:
    """One bit of one weight changes on rank 1."""
    training, schedule, rules = begin(world, "wgan-gp", {})
    try:
        for tick in train(training, schedule, RandomImages(), rules):
            if tick.images_seen == 96 and world.rank == 1:
                weight = next(training.system.generator.parameters()).data.view(torch.int32)
                weight.view(-1)[0] ^= 1 << 22
    except TrainingError as error:
        (folder / f"rank-{world.rank}").write_text(str(error))


def small_network() -> FeatureNetwork:
    """Means of the quarters of an image in place of Inception."""

    def extract(images: Tensor) -> Features:
        means = functional.adaptive_avg_pool2d(images.float(), 2).flatten(1)
        return Features(means, means / 64)

    return FeatureNetwork(extract, sha256="0" * 64, preprocessing="none", mark="quarters")


def measure(world: World, folder: Path) -> None:
    """Metrics of an untrained generator, each twice: then the real side is known, though no file keeps it."""
    torch.manual_seed(0)
    system = build(ProganConfig(latent_dim=8, maps_base=32, maps_max=8), DataSpec((4, 8, 16), 64, (), "none"), 16)
    reals = RandomImages()
    evaluator = Evaluator(
        [MetricSpec(family, 150, f"{family}150") for family in ("swd", "msssim", "fid", "is", "pr")],
        real=RealSet(lambda *asked: reals.batch(*asked, slice(None)).images, 4096, "none"),
        seed=1,
        device="cpu",
        load_network=small_network,
        world=world,
    )

    def at(resolution: int) -> list[dict[str, Any]]:
        set_phase(system.generator, Phase(0, resolution, 1.0, 16, 0.001))
        shown = image_sequence(system.generator, resolution, 1, system.latents, system.labels)
        return evaluator.measure([shown], resolution)

    first, between, again = at(16), at(8), at(16)
    names = ("metric", "value", "floor")
    values = [[[record[name] for name in names] for record in records] for records in (first, again)]
    if world.is_main:
        (folder / f"metrics-{world.size}.json").write_text(json.dumps(values))
    else:
        assert [*values, between] == [[], [], []]


TASKS: dict[str, Callable[[World, Path], None]] = {
    "agreement": agreement,
    "going_on": going_on,
    "drift": drift,
    "family": family,
    "measure": measure,
}


def _one(task: str, folder: Path, size: int, rank: int) -> None:
    torch.set_num_threads(1)
    if size > 1:
        store = folder / f"{task}-{size}.store"
        dist.init_process_group("gloo", init_method=f"file://{store}", world_size=size, rank=rank)
    TASKS[task](World(rank, size, size), folder)
    if size > 1:
        dist.destroy_process_group()


def main(folder: str, *jobs: str) -> None:
    """jobs: such as 4:agreement, a task for four processes; one after the other."""
    fork = multiprocessing.get_context("fork")  # each has what is imported here; torch has started no thread yet
    for job in jobs:
        size, task = job.split(":")
        group = [fork.Process(target=_one, args=(task, Path(folder), int(size), rank)) for rank in range(int(size))]
        for process in group:
            process.start()
        for process in group:
            process.join()
        if any(process.exitcode for process in group):
            sys.exit(f"{job} failed")


if __name__ == "__main__":
    main(*sys.argv[1:])

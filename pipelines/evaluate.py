"""Measure snapshots: append the results to metrics.jsonl."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipelines.console import say
from progan.config import validate
from progan.data.loader import Loader, open_set
from progan.data.manifest import Manifest
from progan.distributed.world import World
from progan.engine.snapshot import Snapshot, load_snapshot
from progan.metrics.evaluator import Evaluator
from progan.rundir import RunDirectory
from progan.sampling.generate import image_sequence
from progan.settings import Config
from progan.types import ConfigError, DataError

EVALUATION_SEED = 1  # apart from the training's draws


def make_evaluator(
    config: Config,
    loader: Loader,
    manifest: Manifest,
    names: Sequence[str] | None = None,
    world: World | None = None,
) -> Evaluator:
    """The evaluator of the settings' metrics, or of `names`. world: the processes that share the work."""
    return Evaluator(
        names=config.evaluation.metrics if names is None else names,
        real=loader.images,
        real_count=manifest.spec.count,
        seed=EVALUATION_SEED,
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        weights=config.evaluation.weights,
        data_fingerprint=manifest.spec.fingerprint,
        world=world,
    )


def measure(
    evaluator: Evaluator, generator: nn.Module, latent_dim: int, num_classes: int, resolution: int, images_seen: int
) -> list[dict[str, Any]]:
    """Lines for metrics.jsonl of `generator`, grown as it is."""
    draw = image_sequence(generator, EVALUATION_SEED, latent_dim, num_classes)
    records = evaluator.measure(draw, resolution, None)
    return [record | {"images_seen": images_seen} for record in records]


def measure_snapshot(evaluator: Evaluator, snapshot: Snapshot) -> list[dict[str, Any]]:
    system = snapshot.system
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    records = measure(
        evaluator,
        system.generator.to(device),
        system.latent_dim,
        system.num_classes,
        snapshot.phase.resolution,
        snapshot.images_seen,
    )
    for record in records:
        record["provenance"] |= {"snapshot": snapshot.path.name, "fade": snapshot.phase.fade}
    return records


def evaluate(run: Path, snapshot: Path | None, every: bool, metrics: Sequence[str]) -> None:
    """Measure the last snapshot of `run`, `snapshot`, or `every` one; what is measured already is left out."""
    directory = RunDirectory(run)
    config = validate(Config, directory.read_config())
    manifest = open_set(config.data)
    with closing(Loader(manifest, config.data, config.seed)) as loader:
        evaluator = make_evaluator(config, loader, manifest, metrics or None)
        for path in _chosen(directory, snapshot, every):
            _evaluate(directory, evaluator, path)


def _evaluate(directory: RunDirectory, evaluator: Evaluator, path: Path) -> None:
    loaded = load_snapshot(path)
    problems = evaluator.preflight(loaded.phase.resolution)
    if problems and not evaluator.result_names(loaded.phase.resolution):
        raise DataError("; ".join(problems))
    for problem in problems:
        say(problem)
    if not _missing(directory, evaluator, loaded):
        say(f"{path.name}: measured already")
        return
    for record in measure_snapshot(evaluator, loaded):
        directory.append_metric(record)
        say(line(record))


def line(record: dict[str, Any]) -> str:
    """A metric as a line for people."""
    floor = "" if record["floor"] is None else f"  (real against real {record['floor']:.2f})"
    where = f"{record['images_seen'] / 1000:.1f} kimg, {record['resolution']} px"
    return f"{record['metric']} {record['value']:.2f}{floor}  {where}"


def _chosen(directory: RunDirectory, snapshot: Path | None, every: bool) -> list[Path]:
    if snapshot is not None and every:
        raise ConfigError("--snapshot and --all: give one of the two")
    if snapshot is not None:
        return [snapshot]
    snapshots = directory.snapshots()
    if not snapshots:
        raise DataError(f"{directory.root}: no snapshot yet; the first comes with the first checkpoint")
    return snapshots if every else snapshots[-1:]


def _missing(directory: RunDirectory, evaluator: Evaluator, snapshot: Snapshot) -> bool:
    done = {
        record["metric"]
        for record in directory.read_metrics()
        if record["images_seen"] == snapshot.images_seen and record["resolution"] == snapshot.phase.resolution
    }
    return not set(evaluator.result_names(snapshot.phase.resolution)) <= done

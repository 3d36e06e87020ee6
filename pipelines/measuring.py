"""Measuring generators as a run's settings say: results as lines of metrics.jsonl."""

from collections.abc import Sequence
from typing import Any

import torch

from pipelines.console import say
from progan.data.loader import Loader
from progan.data.manifest import Manifest
from progan.distributed.world import World
from progan.engine.snapshot import Snapshot
from progan.metrics.evaluator import Evaluator
from progan.rundir import RunDirectory
from progan.sampling.generate import image_sequence
from progan.schedule import Phase
from progan.settings import Config, make_schedule, untrained_system
from progan.systems.system import System, set_phase
from progan.types import DataSpec

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
        device=_device(),
        weights=config.evaluation.weights,
        data_fingerprint=manifest.spec.fingerprint,
        world=world,
    )


def measure_snapshot(evaluator: Evaluator, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Lines for metrics.jsonl."""
    facts = {"snapshot": snapshot.path.name, "fade": snapshot.phase.fade}
    return _measure(evaluator, snapshot.system, snapshot.phase.resolution, snapshot.images_seen, facts)


def measure_untrained(evaluator: Evaluator, config: Config, data: DataSpec) -> list[dict[str, Any]]:
    """Lines for metrics.jsonl of the untrained generator in the last stage: what training has to improve on."""
    system, last = untrained_system(config, data), make_schedule(config).stages[-1]
    set_phase(system.generator, Phase(last.index, last.resolution, 1.0, last.batch, last.lr))
    return _measure(evaluator, system, last.resolution, 0, {"snapshot": "untrained"})


def _measure(
    evaluator: Evaluator, system: System, resolution: int, images_seen: int, facts: dict[str, Any]
) -> list[dict[str, Any]]:
    draw = image_sequence(system.generator.to(_device()), EVALUATION_SEED, system.latent_dim, system.num_classes)
    records = evaluator.measure(draw, resolution, None)
    return [record | {"images_seen": images_seen, "provenance": record["provenance"] | facts} for record in records]


def record_all(records: list[dict[str, Any]], directory: RunDirectory) -> None:
    """Append results to metrics.jsonl and say them."""
    for record in records:
        directory.append_metric(record)
        say(line(record))


def line(record: dict[str, Any]) -> str:
    """A metric as a line for people."""
    floor = "" if record["floor"] is None else f"  (real against real {record['floor']:.2f})"
    when = f"{record['images_seen'] / 1000:.1f} kimg" if record["images_seen"] else "untrained"
    return f"{record['metric']} {record['value']:.2f}{floor}  {when}, {record['resolution']} px"


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")

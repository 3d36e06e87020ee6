"""A training of some seconds, and what its run holds."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from progan_command import Printed, progan
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from progan.rundir import RunDirectory

ROOT = Path(__file__).parents[1]
TINY: dict[str, Any] = {
    "seed": 3,
    "system": {"latent_dim": 8, "maps_base": 64, "maps_max": 8, "loss": {"name": "logistic-r1", "every": 4}},
    "schedule": {
        "resolution": 16,
        "stable_kimg": 0.512,
        "fade_kimg": 0.256,
        "batch": {4: 16, 8: 16, 16: 16},
    },
    "optim": {"ema_half_life_kimg": 0.2},
    "cadence": {"tick_kimg": 0.128, "sample_kimg": 0.256, "checkpoint_kimg": 0.256},
    "evaluation": {"metrics": ["energy1k"], "every_kimg": 1.5},
}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "pipelines", *map(str, arguments)]


def train(config: Path, run: Path, *overrides: str) -> Printed:
    """In this process, but with one thread as in those of these tests: the same weights to the last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return progan("train", config, "--run", run, *overrides)
    finally:
        torch.set_num_threads(threads)


def last(run: Path) -> Path:
    """The newest checkpoint."""
    return max((run / "checkpoints").iterdir())


def metric_values(run: Path) -> list[tuple[int, float]]:
    return [(record["images_seen"], record["value"]) for record in RunDirectory(run).read_metrics()]


def curves(run: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows: (images seen, value) by name."""
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    names = events.Tags()["scalars"]
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in names}


def images_seen(run: Path) -> list[int]:
    return [json.loads(line)["images_seen"] for line in (run / "stats.jsonl").read_text().splitlines()]

"""A training of some seconds, and what its run holds."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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
    "evaluation": {"metrics": ["swd1k"], "every_kimg": 1.5},
}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "pipelines", *map(str, arguments)]


def progan_process(*arguments: object, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, which must end with this exit code."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | variables
    done = subprocess.run(command(*arguments), cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def last(run: Path) -> Path:
    """The newest checkpoint."""
    return max((run / "checkpoints").iterdir())


def metric_values(run: Path) -> list[tuple[int, float]]:
    return [(record["images_seen"], record["value"]) for record in RunDirectory(run).read_metrics()]


def images_seen(run: Path) -> list[int]:
    return [json.loads(line)["images_seen"] for line in (run / "stats.jsonl").read_text().splitlines()]

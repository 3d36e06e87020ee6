"""facts.json: what a run was trained with, for whoever reads it later."""

import os
import platform
import shlex
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import progan
from pipelines.device import device_model
from pipelines.launcher import launcher_number
from progan.data.manifest import Manifest
from progan.distributed.world import World
from progan.rundir import RunDirectory
from progan.schedule import Schedule
from progan.settings import Config
from progan.systems.system import System

OF_A_PHASE = ("start", "end", "resolution", "fading", "batch", "lr")


def command(config_path: Path, overrides: Sequence[str], run: Path | None, world: World) -> str:
    """What starts such a training again, on this machine or, with the launcher's own options beside, on several."""
    arguments = [str(config_path), *overrides]
    if world.size == 1:
        return shlex.join(["progan", "train", *arguments, *(["--run", str(run)] if run else [])])
    nodes = [] if world.size == world.local_size else ["--nnodes", str(world.size // world.local_size)]
    launcher = ["torchrun", *nodes, "--nproc_per_node", str(world.local_size), "-m", "pipelines.train"]
    return shlex.join([*launcher, *arguments, *(["--run-dir", str(run)] if run else [])])


def write_facts(
    directory: RunDirectory, typed: str, config: Config, manifest: Manifest, schedule: Schedule, system: System
) -> None:
    """Write facts.json; a resumed run keeps the time it was started. typed: the command."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    started = directory.fact("started") if directory.facts.exists() else now
    spec = manifest.spec
    directory.write_facts(
        {
            "command": typed,
            "started": started,
            "environment": environment(),
            "parameters": system.parameter_counts,
            "data": {
                "path": config.data.path,
                "source": manifest.contents.source,
                "count": spec.count,
                "resolutions": list(spec.resolutions),
                "classes": list(spec.classes),
                "fingerprint": spec.fingerprint,
            },
            "phases": [{name: getattr(stage, name) for name in OF_A_PHASE} for stage in schedule.stages],
        }
    )


def environment() -> dict[str, Any]:
    """Versions and hardware."""
    return {
        "progan": progan.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "accelerate": version("accelerate"),
        "platform": platform.platform(),
        "device": device_model(),
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processes": launcher_number("WORLD_SIZE", 1),
    }

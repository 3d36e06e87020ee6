"""facts.json: what a run was trained with, for whoever reads it later."""

import os
import platform
import shlex
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

import torch

import progan
from pipelines.console import launcher_number
from pipelines.device import device_model
from progan.data.manifest import Manifest
from progan.rundir import RunDirectory
from progan.schedule import Schedule
from progan.settings import Config
from progan.systems.system import System

OF_A_PHASE = ("start", "end", "resolution", "fading", "batch", "lr")


def write_facts(
    directory: RunDirectory, config: Config, manifest: Manifest, schedule: Schedule, system: System
) -> None:
    """Write facts.json; a resumed run keeps the time it was started."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    started = directory.fact("started") if directory.facts.exists() else now
    spec = manifest.spec
    directory.write_facts(
        {
            "command": shlex.join(["progan", *sys.argv[1:]]),
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

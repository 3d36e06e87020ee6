"""Stored figures: what rounds and metrics took on a device, to plan for it with or without it at hand."""

import json
import math
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path

import torch

from progan.files import append_jsonl, read_jsonl

PACKAGED = Path(__file__).with_name("figures.jsonl")
OWN = Path.home() / ".cache" / "progan" / "figures.jsonl"  # by `progan plan --measure` on the user's devices
OF_GPU = 0.9  # of its memory: the rest is the driver's, and lost between tensors


@dataclass(frozen=True)
class Figure:
    """What something took on a device."""

    what: str  # "round", or the family of a metric
    device: str
    resolution: int  # pixels
    seconds: float  # of a round; of a metric for each generated image
    fixed_seconds: float = 0.0  # of a metric, whatever the count
    real_seconds: float = 0.0  # of a metric, for each real image
    precision: str = ""  # of a round
    flops: float = 0.0  # of a round
    operations: float = 0.0  # of a round
    memory: int = 0  # bytes that a process can have there; 0: not known
    measured: str = ""  # when, with what


def device_name() -> str:
    """Of the device at hand, with the threads where it is a CPU: equal names, about equal speed."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{_processor()}, {torch.get_num_threads()} threads"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def device_memory() -> int:
    """Bytes that a process can have on the device at hand, if it is the only one there."""
    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory * OF_GPU)
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def stamp() -> str:
    """For Figure.measured."""
    return f"{date.today().isoformat()}, torch {torch.__version__}"


def store(figures: Iterable[Figure]) -> None:
    """Keep them for later plans of this user."""
    OWN.parent.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        append_jsonl(OWN, asdict(figure))


def stored() -> list[Figure]:
    """Of all devices: the user's own from the newest to the oldest, then those that come with progan."""
    packaged = [json.loads(line) for line in PACKAGED.read_text(encoding="utf-8").splitlines()]
    known = {field.name for field in fields(Figure)}  # another version of progan may have written others
    return [Figure(**record) for record in [*reversed(read_jsonl(OWN)), *packaged] if record.keys() <= known]


def nearest(figures: Sequence[Figure], resolution: int, work: float = 1.0) -> Figure | None:
    """Measured at the nearest resolution; of these the one whose operations did most nearly as much `work` (FLOPs).

    The first of several that are equally near. None where there are no figures.
    """

    def distance(figure: Figure) -> tuple[float, float]:
        each = figure.flops / max(figure.operations, 1.0)
        apart = abs(math.log2(figure.resolution / resolution))
        return apart, abs(math.log2(max(each, 1.0) / max(work, 1.0)))

    return min(figures, key=distance, default=None)

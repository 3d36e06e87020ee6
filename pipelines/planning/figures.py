"""Stored figures: what rounds and metrics took on a device, to plan for it with or without it at hand."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path

import torch

from progan.files import append_jsonl, read_jsonl

PACKAGED = Path(__file__).with_name("figures.jsonl")  # of GPUs: the name of a virtual CPU says little of its speed
OWN = Path.home() / ".cache" / "progan" / "figures.jsonl"  # by `progan plan --measure` on the user's devices


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


def stamp() -> str:
    """For Figure.measured."""
    return f"{date.today().isoformat()}, torch {torch.__version__}"


def store(figure: Figure) -> None:
    """Keep it for later plans of this user."""
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

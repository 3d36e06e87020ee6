"""Snapshots: what inference needs, in one file that describes itself."""

import itertools
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from progan.engine.train import Training
from progan.schedule import Phase
from progan.systems.settings import SystemConfig, read_config
from progan.systems.system import System, set_phase
from progan.systems.table import build
from progan.tensorfile import load_tensors, save_tensors
from progan.types import DataError, DataSpec

KIND = "progan snapshot 1"
TUPLES = ("resolutions", "classes", "counts", "combinations")  # in the data's facts, which JSON keeps as lists


@dataclass(frozen=True)
class Snapshot:
    """The averaged generator and the discriminator of one moment, grown to its phase."""

    system: System  # its generator is the average
    config: SystemConfig  # that it was built from
    data: DataSpec
    phase: Phase
    images_seen: int
    path: Path


def save_snapshot(training: Training, config: SystemConfig, data: DataSpec, phase: Phase, path: Path) -> None:
    """Write the averaged generator and the discriminator atomically."""
    facts = {
        "images_seen": training.images_seen,
        "system": config.model_dump(mode="json"),
        "resolution": training.system.resolution,
        "data": asdict(data),
        "phase": asdict(phase),
    }
    networks = {"generator": training.average, "discriminator": training.system.discriminator}
    tensors = {
        f"{role}.{name}": tensor for role, network in networks.items() for name, tensor in network.state_dict().items()
    }
    save_tensors(path, KIND, tensors, facts)


def load_snapshot(path: Path | str) -> Snapshot:
    """The snapshot at `path`, on the CPU, in evaluation mode; DataError when it is not one."""
    try:
        tensors, facts = load_tensors(Path(path), KIND)
    except DataError as error:
        raise DataError(f"{error}; name another snapshot, or restore this one") from None
    data = _data(facts["data"])
    config = read_config(facts["system"])
    system = build(config, data, facts["resolution"])
    phase = Phase(**facts["phase"])
    for role, network in system.networks.items():
        prefix = f"{role}."
        network.load_state_dict({k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)})
        network.requires_grad_(False).eval()
        set_phase(network, phase)
    return Snapshot(system, config, data, phase, facts["images_seen"], Path(path))


def _data(facts: dict[str, Any]) -> DataSpec:
    several, shares = facts.pop("multilabel", False), facts.pop("shares", ())
    if several:  # a snapshot of before 2026-11-23, trained with each label drawn by itself, as often as it was there
        combinations = list(itertools.product("01", repeat=len(shares)))
        chances = [
            math.prod(share if held == "1" else 1 - share for held, share in zip(one, shares, strict=True))
            for one in combinations
        ]
        facts["combinations"] = ["".join(one) for one in combinations]
        facts["counts"] = [round(chance * 10**6) for chance in chances]
    return DataSpec(**facts | {key: tuple(facts.get(key, ())) for key in TUPLES})


def load_generator(path: Path | str) -> nn.Module:
    """The averaged generator of a snapshot file: (latents NZ, labels N or NK) -> images N3RR in [-1, 1]."""
    return load_snapshot(path).system.generator

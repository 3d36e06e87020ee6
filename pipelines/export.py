"""Export: a generator as an ONNX file, for runtimes without torch."""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.console import say
from pipelines.snapshots import describe, open_snapshot
from progan.engine.snapshot import Snapshot
from progan.files import atomic_path, require_writable
from progan.nn.float32 import float32
from progan.nn.folding import folded
from progan.sampling.latents import draw_labels, draw_latents
from progan.types import UNLABELLED, ConfigError

OPSET = 20


class _Images(nn.Module):
    """(latents[, labels]) -> images N3RR in [0, 1]."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        images: Tensor = self.generator(latents, labels)
        return (images * 0.5 + 0.5).clamp(0, 1)


class _Unlabelled(_Images):
    def forward(self, latents: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(latents, torch.full(latents.shape[:1], UNLABELLED, device=latents.device))


def export(source: Path, out: Path) -> None:
    """Write the generator of a snapshot (or of a run's last) to `out`. ConfigError where a package is missing."""
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch's exporter asks for it
    except ImportError as error:
        raise ConfigError(f"progan export: {error.name} is missing; install it: pip install 'progan[onnx]'") from error
    require_writable(out)
    snapshot = open_snapshot(source)
    system = snapshot.system
    network: nn.Module = (_Images if system.labels.classes else _Unlabelled)(folded(system.generator))
    given = {"latents": draw_latents(0, "export", 0, 2, system.latents)}
    if system.labels.classes:
        given["labels"] = draw_labels(0, "export", 0, 2, system.labels)
    model = _exported(network.eval(), given)
    onnx.helper.set_model_props(model, _facts(snapshot))
    with atomic_path(out) as temporary:
        onnx.save(model, str(temporary))
    say(f"generator of {describe(snapshot)} in {out}: {', '.join(given)} -> images in [0, 1]")


def _exported(network: nn.Module, given: dict[str, Tensor]) -> Any:
    """For batches of any size."""
    # Nothing is computed here; torch.export fails where float32 is set otherwise than by torch's older flags.
    with float32("tf32"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own making: deprecations, names of axes
        program = torch.onnx.export(
            network,
            tuple(given.values()),
            input_names=list(given),
            output_names=["images"],
            dynamic_shapes=tuple({0: torch.export.Dim("batch", min=1)} for _ in given),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _facts(snapshot: Snapshot) -> dict[str, str]:
    """What whoever finds the file needs to know."""
    system = snapshot.system
    facts = {
        "resolution": snapshot.phase.resolution,
        "images_seen": snapshot.images_seen,
        "latent_dim": system.latents.dim,
        "latents": "N(0, 1)" if system.latents.distribution == "normal" else "U(-1, 1)",
        "classes": list(snapshot.data.classes) if system.labels.classes else [],
    }
    return {f"progan.{name}": value if isinstance(value, str) else json.dumps(value) for name, value in facts.items()}

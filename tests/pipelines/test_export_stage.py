"""Exported generators against those they were made of, run by another runtime."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from progan_command import progan, refused

from progan.engine.average import averaged_copy
from progan.engine.snapshot import save_snapshot
from progan.engine.train import Training
from progan.nn.float32 import set_float32
from progan.sampling.latents import draw_labels, draw_latents
from progan.schedule import Phase
from progan.systems.settings import SystemConfig
from progan.systems.settings.conditional import ConditionalConfig
from progan.systems.settings.progan import ProganConfig
from progan.systems.system import set_phase
from progan.systems.table import build
from progan.types import DataSpec

SIZE = 16
PHASE = Phase(1, SIZE, 0.4, 8, 0.001)
SYSTEMS: dict[str, tuple[SystemConfig, DataSpec]] = {
    "growing": (ProganConfig(latent_dim=8, maps_base=64, maps_max=8), DataSpec((SIZE,), 8, (), "")),
    "of a class": (
        ProganConfig(latent_dim=8, maps_base=64, maps_max=8),
        DataSpec((SIZE,), 8, ("cats", "dogs", "owls"), ""),
    ),
    "of several labels": (
        ConditionalConfig.model_validate({"latent_dim": 8, "networks": {"name": "dense", "generator": [16]}}),
        DataSpec((SIZE,), 8, ("small", "dark"), "", combinations=("00", "10", "11")),
    ),
}


def _training(config: SystemConfig, data: DataSpec) -> Training:
    torch.manual_seed(1)
    system = build(config, data, SIZE)
    training = Training(system, {}, averaged_copy(system.generator))
    for parameter in training.average.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    set_phase(training.average, PHASE)
    return training


@pytest.mark.parametrize("system", list(SYSTEMS))
def test_an_exported_generator_paints_the_same_images(system: str, tmp_path: Path) -> None:
    runtime: Any = pytest.importorskip("onnxruntime")
    config, data = SYSTEMS[system]
    training = _training(config, data)
    save_snapshot(training, config, data, PHASE, tmp_path / "snapshot.safetensors")
    out = tmp_path / "generator.onnx"
    set_float32("ieee")  # as a training in the same process leaves it
    progan("export", tmp_path / "snapshot.safetensors", "--out", out)
    session = runtime.InferenceSession(str(out))
    for count in (1, 5):
        latents = draw_latents(0, "test", 0, count, training.system.latents)
        labels = draw_labels(0, "test", 0, count, training.system.labels)
        given = {"latents": latents.numpy()} | ({"labels": labels.numpy()} if data.num_classes else {})
        images = session.run(["images"], given)[0]
        with torch.no_grad():
            expected = (training.average.eval()(latents, labels) * 0.5 + 0.5).clamp(0, 1).numpy()
        np.testing.assert_allclose(images, expected, atol=1e-4)
        assert expected.std() > 0.05
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["progan.resolution"] == str(SIZE)
    assert facts["progan.latents"] == ("N(0, 1)" if system != "of several labels" else "U(-1, 1)")


def test_a_missing_package_is_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install 'progan[onnx]'" in refused("export", tmp_path / "snapshot.safetensors")

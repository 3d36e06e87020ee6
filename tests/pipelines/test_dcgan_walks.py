"""Walks through the latent space of a DCGAN, whose latents are uniform."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from progan_command import progan
from torch import Tensor

from progan.engine.settings import OptimConfig
from progan.engine.snapshot import load_snapshot, save_snapshot
from progan.engine.train import start
from progan.random import generator
from progan.schedule import Phase
from progan.systems.settings.dcgan import DcganConfig
from progan.systems.settings.networks import ConvolutionalNetworks
from progan.systems.table import build
from progan.types import DataSpec

SIZE = 7  # pixels


@pytest.fixture(scope="module", params=["batch", "virtual"])
def snapshot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    networks = ConvolutionalNetworks(
        generator=((2, 8), (4, 4)), discriminator=(4,), norm=request.param, reference=3, deviation=0.5
    )
    config, data = DcganConfig(latent_dim=5, networks=networks), DataSpec((SIZE,), 64, (), "none")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("dcgan") / "snapshot.safetensors"
    save_snapshot(start(build(config, data, SIZE), OptimConfig()), config, data, Phase(0, SIZE, 1.0, 8, 0.001), path)
    return path


def _walk(snapshot: Path, out: Path, *arguments: object) -> Tensor:
    """-> the images shown, ROWS x STEPS x SIZE x SIZE x 3."""
    progan("walk", snapshot, "--out", out, *arguments)
    sheet = torch.from_numpy(np.array(Image.open(out))).float()
    return sheet.unflatten(0, (-1, SIZE)).unflatten(2, (-1, SIZE)).transpose(1, 2)


def _assert_painted(shown: Tensor, snapshot: Path, latents: Tensor) -> None:
    """Each image is what the generator makes of its latent, STEPS x Z."""
    images = load_snapshot(snapshot).system.generator(latents, torch.full((len(latents),), -1))
    assert images.std() > 0.1
    torch.testing.assert_close(shown, images.permute(0, 2, 3, 1) * 127.5 + 127.5, atol=1, rtol=0)


def test_a_collinear_walk_goes_along_the_diagonal_in_steps_of_a_twentieth(snapshot: Path, tmp_path: Path) -> None:
    (shown,) = _walk(snapshot, tmp_path / "line.png", "--kind", "collinear", "--steps", 22)
    diagonal = torch.linspace(-0.05, 1, 22)
    _assert_painted(shown, snapshot, diagonal[:, None].expand(-1, 5))


def test_a_walk_in_a_drawn_direction_begins_at_uniform_latents(snapshot: Path, tmp_path: Path) -> None:
    arguments = ("--kind", "direction", "--anchors", 2, "--steps", 4, "--seed", 3)
    shown = _walk(snapshot, tmp_path / "away.png", *arguments)
    anchors = 2 * torch.rand(2, 5, generator=generator(3, "walk-anchors", 0)) - 1
    added = 0.1 * torch.rand(5, generator=generator(3, "walk-direction", 0)) - 0.05
    for row, anchor in zip(shown, anchors, strict=True):
        _assert_painted(row, snapshot, torch.stack([anchor + step * added for step in range(4)]))

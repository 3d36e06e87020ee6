from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import progan
from progan.engine.snapshot import load_snapshot, save_snapshot
from progan.engine.train import RealImages, train
from progan.types import DataError


def test_a_loaded_generator_makes_the_images_of_the_average_in_mid_fade(
    setup: Callable[..., Any], reals: RealImages, tmp_path: Path
) -> None:
    chosen = setup(tick=32)
    training = chosen.fresh()
    path = tmp_path / "snapshot.safetensors"
    for tick in train(training, chosen.schedule, reals, chosen.rules):
        if tick.images_seen == 96:
            save_snapshot(training, chosen.config, chosen.data, tick.phase, path)
            break
    generator = progan.load_generator(path)
    latents, labels = torch.randn(4, generator.latent_dim), torch.full((4,), -1)
    images = generator(latents, labels)
    assert images.shape == (4, 3, 8, 8)
    assert torch.equal(images, training.average(latents, labels))
    assert not torch.equal(images, training.system.generator(latents, labels))
    snapshot = load_snapshot(path)
    assert (snapshot.images_seen, snapshot.data, snapshot.phase) == (96, chosen.data, tick.phase)


@pytest.mark.parametrize("content", [b"", b"not a snapshot at all"])
def test_a_file_that_is_no_snapshot_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.safetensors: not a readable"):
        progan.load_generator(path)
    with pytest.raises(DataError, match=r"y\.safetensors"):
        progan.load_generator(tmp_path / "y.safetensors")

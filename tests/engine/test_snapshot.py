from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import progan
from progan.engine.snapshot import KIND, load_snapshot, save_snapshot
from progan.engine.train import RealImages, start, train
from progan.systems.table import build
from progan.tensorfile import load_tensors, save_tensors
from progan.types import DataError, LabelSpace


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


def test_several_labels_of_a_snapshot_of_before_are_drawn_each_by_itself_as_in_its_training(
    setup: Callable[..., Any], tmp_path: Path
) -> None:
    chosen, path = setup(), tmp_path / "snapshot.safetensors"
    data = replace(chosen.data, classes=("one", "other"), counts=(1,), combinations=("01",))
    training = start(build(chosen.config, data, 8), chosen.optim)
    save_snapshot(training, chosen.config, data, chosen.schedule(0), path)
    assert load_snapshot(path).system.labels == data.label_space
    tensors, facts = load_tensors(path, KIND)
    del facts["data"]["counts"], facts["data"]["combinations"]
    save_tensors(path, KIND, tensors, facts | {"data": facts["data"] | {"multilabel": True, "shares": [0.5, 0.25]}})
    counts = dict(zip(("00", "01", "10", "11"), (375000, 125000, 375000, 125000), strict=True))
    assert load_snapshot(path).system.labels == LabelSpace(2, tuple(counts.values()), tuple(counts))


@pytest.mark.parametrize("content", [b"", b"not a snapshot at all"])
def test_a_file_that_is_no_snapshot_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.safetensors: not a readable"):
        progan.load_generator(path)
    with pytest.raises(DataError, match=r"y\.safetensors"):
        progan.load_generator(tmp_path / "y.safetensors")

"""Copies are planted in a training set: it is made of painted faces and of images that the generator will make."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from progan_command import progan, refused

from pipelines.measuring import EVALUATION_SEED
from pipelines.neighbours import _sheet
from progan.config import validate
from progan.data.loader import Loader
from progan.data.manifest import Manifest, key
from progan.data.preparing.shards import PrepareOptions, prepare
from progan.data.sources import SourceOptions, open_source
from progan.data.synthetic import draw_face
from progan.engine.snapshot import save_snapshot
from progan.engine.train import start
from progan.rundir import RunDirectory
from progan.sampling.generate import image_sequence
from progan.settings import Config, make_schedule, untrained_system
from progan.types import DataSpec, LabelSpace, LatentSpace

RESOLUTION, FACES, COPIES = 16, 70, 3
SETTINGS: dict[str, Any] = {
    "system": {"latent_dim": 8, "maps_base": 64, "maps_max": 8},
    "schedule": {"resolution": RESOLUTION, "batch": {4: 16, 8: 16, 16: 16}},
}


def _config(folder: Path) -> Config:
    return validate(Config, SETTINGS | {"data": {"path": str(folder / "set")}})


def _write_set(folder: Path, planted: torch.Tensor) -> Manifest:
    """The planted images first, the second of them mirrored."""
    (folder / "pictures").mkdir()
    pixels = list(planted.permute(0, 2, 3, 1).numpy())
    pixels[1] = pixels[1][:, ::-1]
    pixels += [draw_face(0, index, RESOLUTION).image for index in range(FACES)]
    for number, image in enumerate(pixels):
        Image.fromarray(np.ascontiguousarray(image)).save(folder / "pictures" / f"{number:03d}.png")
    return prepare(open_source(str(folder / "pictures"), SourceOptions()), folder / "set", PrepareOptions(RESOLUTION))


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run with an untrained generator of 16 px images as its snapshot."""
    config, directory = _config(tmp_path), RunDirectory(tmp_path / "run")
    training = start(untrained_system(config, DataSpec((4, 8, 16), 1, (), "")), config.optim)
    phase = make_schedule(config)(make_schedule(config).total_images)
    training.average.set_growth(RESOLUTION, 1.0)  # type: ignore[operator]
    average, space = training.average, LatentSpace(8)
    planted = image_sequence(average, RESOLUTION, EVALUATION_SEED, space, LabelSpace(), "neighbours")(0, COPIES)
    manifest = _write_set(tmp_path, planted)
    directory.write_config(config.model_dump(mode="json"))
    save_snapshot(training, config.system, manifest.spec, phase, directory.snapshot(0))
    return directory


def test_what_another_call_found_in_another_space_is_kept(run: RunDirectory) -> None:
    progan("neighbours", run.root)
    facts = run.neighbours_facts(0)
    found = json.loads(facts.read_text())
    found["spaces"] = {"features": {"verdict": "copies"}, "pixels": {"verdict": "old"}}
    facts.write_text(json.dumps(found))
    progan("neighbours", run.root)
    spaces = json.loads(facts.read_text())["spaces"]
    assert spaces["features"] == {"verdict": "copies"}
    assert spaces["pixels"]["verdict"] != "old"
    facts.write_text(json.dumps(found | {"data_fingerprint": "another"}))
    progan("neighbours", run.root)
    assert json.loads(facts.read_text())["spaces"].keys() == {"pixels"}


def test_planted_copies_are_found_named_and_shown(run: RunDirectory) -> None:
    (line,) = progan("neighbours", run.root, "--count", COPIES, "--nearest", 4).out.splitlines()
    assert "pixels: copies: median distance 0.00 to the nearest of 73 training images" in line
    facts = json.loads(run.neighbours_facts(0).read_text())
    assert (facts["training_images"], facts["resolution"], facts["mirrored_too"]) == (COPIES + FACES, RESOLUTION, True)
    pixels = facts["spaces"]["pixels"]
    assert (pixels["verdict"], pixels["percentile"], pixels["real_images"]) == ("copies", 0.0, 16 * COPIES)
    assert [row[0] for row in pixels["nearest"]] == [
        {"key": key(number), "distance": 0.0, "mirrored": number == 1} for number in range(COPIES)
    ]
    assert all(len(row) == 4 and 0 < row[1]["distance"] <= row[3]["distance"] for row in pixels["nearest"])
    (path,) = run.neighbours_pictures()
    picture = np.asarray(Image.open(path))
    assert picture.shape == (COPIES * RESOLUTION, 5 * RESOLUTION + 1, 3)
    assert (picture[:, RESOLUTION] == 255).all()
    assert np.array_equal(picture[:, :RESOLUTION], picture[:, RESOLUTION + 1 : 2 * RESOLUTION + 1])


def test_all_neighbours_shown_are_those_listed(run: RunDirectory, tmp_path: Path) -> None:
    progan("neighbours", run.root, "--count", 1, "--nearest", 3)
    facts = json.loads(run.neighbours_facts(0).read_text())
    (row,) = facts["spaces"]["pixels"]["nearest"]
    picture = np.asarray(Image.open(run.neighbours_picture(0, "pixels")))
    for place, found in enumerate(row):
        pixels = np.asarray(Image.open(tmp_path / "pictures" / f"{int(found['key']):03d}.png"))
        left = (1 + place) * RESOLUTION + 1
        assert np.array_equal(picture[:, left : left + RESOLUTION], pixels[:, ::-1] if found["mirrored"] else pixels)


def test_of_many_images_all_are_judged_and_the_first_shown(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.neighbours.SHOWN", 2)
    progan("neighbours", run.root, "--count", COPIES, "--nearest", 3)
    pixels = json.loads(run.neighbours_facts(0).read_text())["spaces"]["pixels"]
    assert (len(pixels["nearest"]), pixels["verdict"]) == (2, "copies")
    assert np.asarray(Image.open(run.neighbours_picture(0, "pixels"))).shape[0] == 2 * RESOLUTION


def test_a_picture_of_large_images_is_reduced_to_2048_px() -> None:
    generated, found = torch.zeros(2, 3, 512, 512, dtype=torch.uint8), torch.zeros(16, 3, 512, 512, dtype=torch.uint8)
    generated[1], found[8, :, :2, :2] = 100, torch.tensor([[100, 0], [0, 200]], dtype=torch.uint8)
    sheet = _sheet(generated, found)
    assert sheet.shape == (2 * 128, 9 * 128 + 8, 3)
    assert (sheet[128:, :128] == 100).all()
    assert sheet[128, 136].tolist() == [19] * 3  # the mean of 4 x 4 pixels
    assert (sheet[:, 128:136] == 255).all()


def test_another_set_than_that_of_the_training_is_refused(run: RunDirectory, tmp_path: Path) -> None:
    source = open_source("synthetic", SourceOptions(RESOLUTION, 8))
    prepare(source, tmp_path / "other", PrepareOptions(RESOLUTION, limit=8))
    run.write_config(run.read_config() | {"data": {"path": str(tmp_path / "other")}})
    assert "other: not the images that" in refused("neighbours", run.root)


@pytest.mark.parametrize("stream", [False, True])
def test_the_loader_numbers_the_images_it_gives_for_metrics(run: RunDirectory, tmp_path: Path, stream: bool) -> None:
    manifest = Manifest.load(tmp_path / "set")
    config = _config(tmp_path).data.model_copy(update={"stream": stream})
    images, numbers = Loader(manifest, config, seed=1).numbered_images(RESOLUTION, 5, 60)
    assert len(set(numbers.tolist())) == 60
    for image, number in zip(images, numbers.tolist(), strict=True):
        stored = np.asarray(Image.open(tmp_path / "pictures" / f"{number:03d}.png"))
        assert np.array_equal(image.permute(1, 2, 0).numpy(), stored)

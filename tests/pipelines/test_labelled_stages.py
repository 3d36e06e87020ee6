"""Images with several labels each on their way from the painter to the report, and systems that need labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from progan_command import progan, refused

from pipelines.snapshots import open_snapshot
from progan.rundir import RunDirectory
from progan.sampling.generate import generate
from progan.sampling.grids import tile
from progan.sampling.latents import draw_latents

SIDE = 8  # pixels
NETWORKS = {"name": "convolutional", "generator": [[2, 16], [4, 8]], "discriminator": [8, 16]}
TREES: dict[str, dict[str, Any]] = {
    "progan": {
        "system": {"latent_dim": 8, "maps_base": 64, "maps_max": 8, "label_real_weight": 2},
        "schedule": {"resolution": SIDE, "stable_kimg": 0.064, "fade_kimg": 0.064, "batch": {4: 16, 8: 16}},
    },
    "acgan": {
        "system": {"name": "acgan", "networks": NETWORKS},
        "schedule": {"name": "constant", "resolution": SIDE, "batch": 16, "total_kimg": 0.192},
    },
    "conditional": {
        "system": {"name": "conditional", "networks": NETWORKS},
        "schedule": {"name": "constant", "resolution": SIDE, "batch": 16, "total_kimg": 0.192},
    },
    "gan-cls": {
        "system": {"name": "gan-cls", "networks": NETWORKS},
        "schedule": {"name": "constant", "resolution": SIDE, "batch": 16, "total_kimg": 0.192},
    },
}
LABEL_TERMS = {
    "progan": {"discriminator/label_real", "discriminator/label_fake", "generator/label_fake"},
    "acgan": {"discriminator/label_real", "discriminator/label_fake", "generator/label_fake"},
    "conditional": set(),
    "gan-cls": set(),
}

pytestmark = pytest.mark.usefixtures("one_thread")


def _config(folder: Path, system: str, data: Path) -> Path:
    path = folder / f"{system}.yaml"
    rest = {"data": {"path": str(data)}, "evaluation": {"metrics": ["energy1k"], "in_training": False}}
    path.write_text(yaml.safe_dump(TREES[system] | rest))
    return path


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("labelled") / "faces"
    size = ("--resolution", SIDE, "--limit", 1000, "--workers", 1)
    progan("prepare", "synthetic", "--out", out, *size, "--label", "Dark_Skin,Long_Hair")
    return out


@pytest.fixture(scope="module", params=list(TREES))
def run(request: pytest.FixtureRequest, faces: Path) -> RunDirectory:
    config = _config(faces.parent, request.param, faces)
    directory = faces.parent / f"{request.param}-run"
    progan("train", config, "--run", directory)
    return RunDirectory(directory)


def test_a_run_on_several_labels_goes_through_all_stages(run: RunDirectory, tmp_path: Path) -> None:
    system = run.root.name.removesuffix("-run")
    losses = {name for record in run.read_stats() for name in record["losses"]}
    assert {name for name in losses if "label" in name} == LABEL_TERMS[system]
    progan("sample", run.root, "--out", tmp_path / "samples.png", "--count", 4, "--columns", 2)
    assert Image.open(tmp_path / "samples.png").size == (2 * SIDE, 2 * SIDE)
    progan("walk", run.root, "--out", tmp_path / "walk.png", "--kind", "classes", "--anchors", 2)
    shown = np.asarray(Image.open(tmp_path / "walk.png")).reshape(2, SIDE, 3, SIDE, 3).swapaxes(1, 2)
    assert len({cell.tobytes() for cell in shown.reshape(6, -1)}) == 6  # each latent with none, and with each label
    progan("evaluate", run.root)
    assert [record["metric"] for record in run.read_metrics()] == ["energy1k"]
    progan("report", run.root)
    assert run.read_facts()["data"]["classes"] == ["Dark_Skin", "Long_Hair"]
    assert "energy1k" in (run.root / "report.md").read_text()


def test_samples_are_of_the_attributes_that_a_caption_asks_for(run: RunDirectory, tmp_path: Path) -> None:
    system = open_snapshot(run.root).system
    latents = draw_latents(3, "samples-latents", 0, 64, system.latents)
    shown = []
    for caption, labels in (("long hair", [0, 1]), ("a person with dark skin and no long hair", [1, 0])):
        out = tmp_path / "samples.png"
        progan("sample", run.root, "--out", out, "--count", 8, "--seed", 3, "--caption", caption)
        shown.append(np.asarray(Image.open(out)))
        images = generate(system.generator, latents, torch.tensor([labels] * 64), SIDE)[:8]
        assert np.array_equal(shown[-1], tile(images, 8).numpy())
    assert not np.array_equal(*shown)
    known = "their attributes are Dark_Skin, Long_Hair"
    said = refused("sample", run.root, "--caption", "a face with freckles")
    assert said == f"error: --caption: 'freckles' says nothing of these faces; {known}\n"


@pytest.mark.parametrize("system", ["acgan", "conditional", "gan-cls"])
def test_a_dry_run_before_the_set_is_prepared_says_that_the_system_depends_on_its_labels(
    system: str, tmp_path: Path
) -> None:
    config = _config(tmp_path, system, tmp_path / "absent")
    output = progan("train", config, "--dry-run").out
    line = f"{tmp_path / 'absent'} is not prepared yet: {system} depends on its labels"
    assert output.splitlines()[0] == line
    assert "learning rate" in output


def test_a_set_without_labels_is_refused_in_one_line(faces: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    progan("prepare", "synthetic", "--out", plain, "--resolution", SIDE, "--limit", 4, "--workers", 1)
    error = refused("train", _config(tmp_path, "acgan", plain), "--dry-run")
    assert error.startswith("error: data.path: its images have no labels, which acgan is given; prepare the set with")

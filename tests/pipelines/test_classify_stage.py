"""From labelled pictures over a training to the score of its discriminator, as a user types it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from progan_command import progan, refused

from progan.config import validate
from progan.data.manifest import Manifest
from progan.data.preparing.shards import PrepareOptions, prepare
from progan.data.sources import SourceOptions, open_source
from progan.engine.snapshot import load_snapshot, save_snapshot
from progan.engine.train import start
from progan.report.one import build_report
from progan.rundir import RunDirectory, seen_by
from progan.settings import Config, make_schedule, untrained_system
from progan.types import UNLABELLED

SIDE, PICTURES = 8, 90
KINDS = ("dark", "light", "mixed")
SETTINGS: dict[str, Any] = {
    "system": {
        "name": "semi-supervised",
        "latent_dim": 8,
        "networks": {"generator": [16], "discriminator": [32, 16], "deviation": 0.2},
    },
    "schedule": {"name": "constant", "resolution": SIDE, "batch": 30, "total_kimg": 3},
    "optim": {"lr": 0.003, "beta1": 0.5, "ema_half_life_kimg": 0},
    "cadence": {"tick_kimg": 1, "checkpoint_kimg": 1.5},
    "evaluation": {"metrics": []},
}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With sets of noise of three kinds, of the same without labels, and of two kinds."""
    folder = tmp_path_factory.mktemp("classify")
    draws = np.random.default_rng(0)
    for number in range(PICTURES):
        kind = number % 3
        least, most = ((0, 128), (128, 256), (0, 256))[kind]
        path = folder / "pictures" / KINDS[kind] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draws.integers(least, most, (SIDE, SIDE, 3), np.uint8)).save(path)
    for name, label in (("set", "folder"), ("unlabelled", None)):
        prepare(open_source(str(folder / "pictures"), SourceOptions(label=label)), folder / name, PrepareOptions(SIDE))
    faces = open_source("synthetic", SourceOptions(resolution=16, limit=22, label="Bald"))
    prepare(faces, folder / "faces", PrepareOptions(16, workers=1))
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> RunDirectory:
    """Trained with five labels of each kind."""
    config = folder / "kinds.yaml"
    config.write_text(yaml.safe_dump(SETTINGS | {"data": {"path": str(folder / "set"), "labelled_per_class": 5}}))
    progan("train", config, "--run", folder / "run")
    return RunDirectory(folder / "run")


def _counted(snapshot: Path, pictures: Path) -> Counter[tuple[str, str]]:
    """How often (kind, answer) comes about, picture by picture."""
    discriminator = load_snapshot(snapshot).system.discriminator
    counts: Counter[tuple[str, str]] = Counter()
    for path in pictures.rglob("*.png"):
        pixels = torch.from_numpy(np.asarray(Image.open(path)).copy()).permute(2, 0, 1).unsqueeze(0)
        logits = discriminator(pixels / 127.5 - 1, torch.tensor([UNLABELLED])).classes
        assert logits is not None
        counts[path.parent.name, KINDS[int(logits.argmax())]] += 1
    return counts


def test_the_score_is_shown_and_kept_with_where_it_comes_from(run: RunDirectory, folder: Path) -> None:
    shown = progan("classify", run.root, "--data", folder / "set").out
    (record,) = run.read_classifications()
    counts = _counted(run.snapshots()[-1], folder / "pictures")
    assert record["confusion"] == [[counts[kind, answer] for answer in KINDS] for kind in KINDS]
    assert record["errors"] == sum(count for (kind, answer), count in counts.items() if kind != answer)
    assert record["accuracy"] > 0.6  # dark and light are told apart
    assert [one["name"] for one in record["classes"]] == list(KINDS)
    assert (record["images_seen"], record["resolution"], record["images"]) == (3000, SIDE, PICTURES)
    provenance = record["provenance"]
    assert provenance["snapshot"] == run.snapshots()[-1].name
    assert provenance["data_fingerprint"] == Manifest.load(folder / "set").spec.fingerprint
    assert (provenance["of_the_training_set"], provenance["unlabelled"]) == (True, 0)
    assert f"{record['errors']} of {PICTURES} answers wrong" in shown
    assert all(kind in shown for kind in KINDS)


def test_the_newest_score_stands_in_the_report(run: RunDirectory, folder: Path) -> None:
    first = run.snapshots()[0]
    progan("classify", first, "--data", folder / "set")
    newest = run.read_classifications()[-1]
    assert newest["images_seen"] == seen_by(first) < 3000
    build_report(run, folder / "page.html")
    sentence = f"{newest['errors']} of {PICTURES} answers are wrong"
    for page in ("page.html", "page.md"):
        assert sentence in (folder / page).read_text()
    reported = json.loads((folder / "page.json").read_text())["classification"]
    assert (reported["errors"], reported["images_seen"]) == (newest["errors"], seen_by(first))


def test_a_report_of_a_run_that_was_not_asked_is_silent(run: RunDirectory, folder: Path, tmp_path: Path) -> None:
    silent = RunDirectory(tmp_path / "silent")
    silent.write_config(run.read_config())
    build_report(silent, folder / "silent.html")
    for page in ("silent.html", "silent.md"):
        assert "Classification" not in (folder / page).read_text()
    assert json.loads((folder / "silent.json").read_text())["classification"] is None


def test_a_snapshot_outside_a_run_is_scored_too(run: RunDirectory, folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(run.snapshots()[-1].read_bytes())
    before = len(run.read_classifications())
    progan("classify", alone, "--data", folder / "set")
    assert len(run.read_classifications()) == before
    assert list(tmp_path.iterdir()) == [alone]


def test_progan_s_label_head_is_asked_in_whole_groups(folder: Path, tmp_path: Path) -> None:
    """22 images, of which its minibatch statistic takes four together."""
    tree = {
        "data": {"path": str(folder / "faces")},
        "system": {"latent_dim": 8, "maps_base": 64, "maps_max": 8},
        "schedule": {"resolution": 16, "batch": {4: 16, 8: 16, 16: 16}},
    }
    _save_untrained(tree, folder / "faces", tmp_path / "faces.safetensors")
    printed = progan("classify", tmp_path / "faces.safetensors", "--data", folder / "faces")
    assert "of 22 answers wrong" in printed.out


def _save_untrained(tree: dict[str, Any], data: Path, out: Path) -> None:
    config, spec = validate(Config, tree), Manifest.load(data).spec
    training, schedule = start(untrained_system(config, spec), config.optim), make_schedule(config)
    save_snapshot(training, config.system, spec, schedule(schedule.total_images), out)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("faces", "its labels, not Bald, Bald, are not the dark, light, mixed that"),
        ("unlabelled", "its labels, none, are not the dark, light, mixed that"),
        ("nowhere", "nowhere"),
    ],
)
def test_other_classes_than_the_training_s_are_one_line(
    run: RunDirectory, folder: Path, data: str, message: str
) -> None:
    assert message in refused("classify", run.root, "--data", folder / data)


@pytest.mark.parametrize("data", ["set", "unlabelled"])
def test_a_discriminator_without_classes_is_one_line(folder: Path, tmp_path: Path, data: str) -> None:
    tree = SETTINGS | {"system": {"name": "vanilla", "latent_dim": 8}, "data": {"path": str(folder / data)}}
    _save_untrained(tree, folder / data, tmp_path / "vanilla.safetensors")
    line = refused("classify", tmp_path / "vanilla.safetensors", "--data", folder / data)
    assert "vanilla.safetensors: its discriminator does not tell classes apart" in line

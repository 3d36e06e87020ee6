"""From a snapshot and two labelled sets to a table of accuracies: as a user types it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from progan_command import progan, refused
from torch import Tensor, nn
from torch.nn import functional as F

from progan.config import validate
from progan.data.labelled import LabelledImages
from progan.data.manifest import Manifest
from progan.data.preparing.shards import PrepareOptions, prepare
from progan.data.reals import to_reals
from progan.data.sources import SourceOptions, open_source
from progan.engine.snapshot import load_snapshot, save_snapshot
from progan.engine.train import start
from progan.metrics.probe_features import Discriminating, features_of
from progan.rundir import RunDirectory
from progan.settings import Config, make_schedule, untrained_system
from progan.types import ConfigError, LabelSpace, Verdict

SIDE, CLASSES = 16, 3
CPU = torch.device("cpu")
DCGAN = {
    "system": {
        "name": "dcgan",
        "latent_dim": 4,
        "networks": {"generator": [[4, 8], [8, 8]], "discriminator": [4, 6, 8], "channels": 1},
    },
    "schedule": {"name": "constant", "resolution": SIDE, "batch": 8, "total_kimg": 0.1},
}
PROGAN = {
    "system": {"latent_dim": 8, "maps_base": 64, "maps_max": 8},
    "schedule": {"resolution": SIDE, "batch": {4: 16, 8: 16, 16: 16}},
}

pytestmark = pytest.mark.usefixtures("one_thread")


def _write_pictures(folder: Path, count: int, seed: int) -> None:
    """Grey noise with a light bar at the left, in the middle or at the right."""
    draws = np.random.default_rng(seed)
    for number in range(count):
        kind = number % CLASSES
        pixels = draws.integers(0, 150, (SIDE, SIDE), np.uint8)
        pixels[:, 5 * kind : 5 * kind + 5] += 100
        (folder / "abc"[kind]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "abc"[kind] / f"{number:04d}.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probe")
    _write_pictures(folder / "many", 130, 0)
    _write_pictures(folder / "few", 50, 1)
    sets = (("train", "many", "folder"), ("test", "few", "folder"), ("unlabelled", "few", None))
    for name, pictures, label in sets:
        source = open_source(str(folder / pictures), SourceOptions(label=label))
        prepare(source, folder / name, PrepareOptions(SIDE, workers=1))
    several = open_source("synthetic", SourceOptions(SIDE, 4, "Bald,Smiling"))
    prepare(several, folder / "several", PrepareOptions(SIDE, workers=1))
    for run, settings in (("dcgan", DCGAN), ("progan", PROGAN)):
        _write_run(folder / run, settings | {"data": {"path": str(folder / "train")}})
    return folder


def _write_run(root: Path, tree: dict[str, Any]) -> None:
    """With an untrained system as its snapshot."""
    config, data = validate(Config, tree), Manifest.load(Path(tree["data"]["path"])).spec
    directory, schedule = RunDirectory(root), make_schedule(config)
    directory.write_config(config.model_dump(mode="json"))
    training = start(untrained_system(config, data), config.optim)
    save_snapshot(training, config.system, data, schedule(schedule.total_images), directory.snapshot(0))


@pytest.fixture(scope="module")
def learned(folder: Path) -> LabelledImages:
    return LabelledImages(Manifest.load(folder / "train"), SIDE)


def _probe(folder: Path, *arguments: object, run: str = "dcgan", test: str = "test") -> tuple[object, ...]:
    """The command's arguments."""
    return ("probe", folder / run, "--train", folder / "train", "--test", folder / test, *arguments)


def test_a_run_is_probed_and_reports_it(folder: Path) -> None:
    printed = progan(*_probe(folder, "--labels", "all", "--seeds", 2, "--features", "pixels,random")).out
    assert "130 labels" in printed
    assert "logistic regression" in printed
    found = json.loads(RunDirectory(folder / "dcgan").probe(0).read_text())
    scores = {(one["features"], one["labels"], one["classifier"]): one for one in found["scores"]}
    assert len(scores) == 2 * 2
    for (features, _, _), one in scores.items():
        drawn = features == "random"
        assert len(one["accuracies"]) == (2 if drawn else 1)
        assert (one["deviation"] is None) != drawn
        assert set(one["precision"]) == set(one["recall"]) == set("abc")
    assert scores["pixels", 130, "svm"]["accuracy"] == 1
    assert (found["train_images"], found["test_images"], found["seeds"]) == (130, 50, [1, 2])
    assert found["test_fingerprint"] == Manifest.load(folder / "test").spec.fingerprint
    progan("report", folder / "dcgan")
    assert "| pixels | linear SVM | 100.00 |" in (folder / "dcgan" / "report.md").read_text()


def test_the_same_command_gives_the_same_numbers(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        command = ("--labels", 12, "--seeds", 1, "--features", "random,trained", "--out", tmp_path / f"{name}.json")
        progan(*_probe(folder, *command, run="progan"))
        torch.rand(3)  # what was drawn before has no say
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_another_call_adds_its_rows_and_replaces_its_own(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    progan(*_probe(folder, "--labels", "all,12", "--seeds", 1, "--features", "pixels", "--out", out))
    first = json.loads(out.read_text())["scores"]
    progan(*_probe(folder, "--labels", "12", "--seeds", 1, "--features", "random,pixels", "--out", out))
    both = json.loads(out.read_text())["scores"]
    assert {(one["features"], one["labels"]) for one in both} == {("pixels", 130), ("pixels", 12), ("random", 12)}
    assert len(both) == 2 * 3
    assert all(one in both for one in first)
    line = refused(*_probe(folder, "--labels", "12", "--seeds", 2, "--features", "pixels", "--out", out))
    assert f"{out}: holds probes with other seeds: [1], not [1, 2]; give another --out" in line
    assert json.loads(out.read_text())["scores"] == both


def test_the_supervised_network_learns_the_classes(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    progan(*_probe(folder, "--labels", 60, "--seeds", 1, "--features", "supervised", "--out", out))
    (score,) = json.loads(out.read_text())["scores"]
    assert (score["classifier"], score["c"]) == ("network", [None])
    assert score["accuracy"] >= 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test": "unlabelled"}, "unlabelled: has no labels, and telling classes apart needs two"),
        ({"test": "several"}, "several: has several labels an image; prepare it with one, as --label Smiling"),
        ({"test": "train"}, "train: the same images as --train"),
        ({"options": ("--labels", "all,few")}, "--labels all,few: give numbers from 5 on, or all"),
        ({"options": ("--labels", "4")}, "--labels 4: give numbers from 5 on"),
        ({"options": ("--labels", "132")}, "--labels 132: the smallest of 3 classes has 43 images"),
        ({"options": ("--features", "pixels,inception")}, "--features inception: choose of pixels, random, trained"),
        ({"options": ("--layers", "all"), "run": "progan"}, "--layers all: ProgressiveDiscriminator has no list"),
        ({"run": "absent"}, "absent: no such snapshot or run directory"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(folder: Path, options: dict[str, Any], message: str) -> None:
    arguments = options.pop("options", ())
    assert message in refused(*_probe(folder, *arguments, "--seeds", 1, **options))


def test_sets_of_other_classes_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "few" / "c").rename(tmp_path / "c")
    prepare(
        open_source(str(folder / "few"), SourceOptions(label="folder")),
        folder / "other",
        PrepareOptions(SIDE, workers=1),
    )
    (tmp_path / "c").rename(folder / "few" / "c")
    assert "its classes (a, b) are not those of" in refused(*_probe(folder, test="other"))


def _body(folder: Path, run: str = "dcgan") -> Discriminating:
    return Discriminating(
        load_snapshot(RunDirectory(folder / run).snapshot(0)).system.discriminator, LabelSpace(), 1.0, CPU
    )


def test_norms_measure_the_images(folder: Path, learned: LabelledImages) -> None:
    body = _body(folder)
    body.calibrate(learned)
    reals = to_reals(learned.read(np.arange(len(learned))).images)
    maps = body.network.layers[0](reals.mean(dim=1, keepdim=True))
    seen = body.network.layers[1](F.leaky_relu(maps, 0.2))
    # Batches are drawn from the set over and over: nearly, but not exactly, every image as often as any other.
    assert torch.allclose(body.network.norms[1].running_mean, seen.mean(dim=(0, 2, 3)), rtol=0.02, atol=1e-3)
    assert not body.network.training
    assert body.network.norms[1].momentum == 0.1  # as it was: the network may be taught next


def test_all_layers_are_pooled_maps_beside_the_features(folder: Path, learned: LabelledImages) -> None:
    body, images = _body(folder), learned.read(np.arange(5)).images
    network, x, maps = body.network, to_reals(images).mean(dim=1, keepdim=True), []
    for layer, norm in zip(network.layers, network.norms, strict=True):
        x = F.leaky_relu(norm(layer(x)), 0.2)
        maps.append(x)
    wanted = [F.max_pool2d(maps[0], 2), maps[1], maps[2]]
    assert torch.equal(body.looking("all")(images), torch.cat([each.flatten(1) for each in wanted], dim=1))
    assert torch.equal(body.looking("last")(images), maps[2].flatten(1))


def test_features_come_in_the_order_of_the_labels_whatever_the_last_batch(learned: LabelledImages) -> None:
    found = features_of(learned, lambda images: images[:, 0].flatten(1).float(), lambda done, total: None)
    assert len(found) == len(learned) == 130
    bars = found.view(-1, SIDE, SIDE).mean(dim=1)[:, :15].view(-1, CLASSES, 5).mean(dim=2).argmax(dim=1)
    assert torch.equal(bars, learned.labels)


class _Told(nn.Module):
    """Remembers the labels it was given; names features or none."""

    def __init__(self, features: bool) -> None:
        super().__init__()
        self.features = features

    def forward(self, images: Tensor, labels: Tensor) -> Verdict:
        self.labels = labels
        return Verdict(images.mean(dim=(1, 2, 3)), None, images.flatten(1) if self.features else None)


@pytest.mark.parametrize(("space", "shape"), [(LabelSpace(3), (4,)), (LabelSpace(3, combinations=("101",)), (4, 3))])
def test_a_discriminator_is_told_no_label(space: LabelSpace, shape: tuple[int, ...]) -> None:
    network = _Told(features=True)
    Discriminating(network, space, 1.0, CPU).look(torch.zeros(4, 3, 2, 2, dtype=torch.uint8))
    assert network.labels.shape == shape
    assert (network.labels == -1).all()


def test_a_discriminator_without_features_is_named() -> None:
    with pytest.raises(ConfigError, match="--features: _Told names no features; ask for pixels alone"):
        Discriminating(_Told(features=False), LabelSpace(), 1.0, CPU).look(torch.zeros(4, 3, 2, 2, dtype=torch.uint8))

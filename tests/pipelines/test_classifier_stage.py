"""From a labelled set to a classifier, and from there to results of a run: as a user types it."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from progan_command import progan, refused
from safetensors import safe_open

from pipelines.classifier import side
from progan.config import validate
from progan.data.labelled import LabelledImages
from progan.data.manifest import Manifest
from progan.data.preparing.shards import PrepareOptions, prepare
from progan.data.sources import SourceOptions, open_source
from progan.engine.snapshot import save_snapshot
from progan.engine.train import start
from progan.metrics.weights import sha256_of
from progan.rundir import RunDirectory
from progan.settings import Config, make_schedule, untrained_system

SIDE, PICTURES = 8, 1000
TRAINING = ("--resolution", SIDE, "--kimg", 0.3, "--batch", 16, "--seed", 4)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a set of dark and of light noise, and the same without labels."""
    folder = tmp_path_factory.mktemp("classifier")
    draws = np.random.default_rng(0)
    for number in range(PICTURES):
        kind, least = ("dark", 0) if number % 2 else ("light", 128)
        (folder / "pictures" / kind).mkdir(parents=True, exist_ok=True)
        pixels = draws.integers(least, least + 128, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "pictures" / kind / f"{number:04d}.png")
    for name, label in (("set", "folder"), ("unlabelled", None)):
        source = open_source(str(folder / "pictures"), SourceOptions(label=label))
        prepare(source, folder / name, PrepareOptions(SIDE, workers=1))
    return folder


@pytest.fixture(scope="module")
def file(folder: Path) -> Path:
    path = folder / "tones.safetensors"
    progan("classifier", folder / "set", "--out", path, "--name", "tones", *TRAINING)
    return path


@pytest.fixture(scope="module")
def run(folder: Path) -> RunDirectory:
    """A run with an untrained generator as its snapshot."""
    tree: dict[str, Any] = {
        "data": {"path": str(folder / "set")},
        "system": {"latent_dim": 8, "maps_base": 64, "maps_max": 8},
        "schedule": {"resolution": SIDE, "batch": {4: 16, 8: 16}},
        "evaluation": {"cache": str(folder / "cache"), "metrics": ["swd16k"]},
    }
    config, data = validate(Config, tree), Manifest.load(folder / "set").spec
    directory = RunDirectory(folder / "run")
    directory.write_config(config.model_dump(mode="json"))
    training, schedule = start(untrained_system(config, data), config.optim), make_schedule(config)
    save_snapshot(training, config.system, data, schedule(schedule.total_images), directory.snapshot(0))
    return directory


def test_the_file_says_how_it_was_made_and_how_well_it_does(file: Path, folder: Path) -> None:
    with safe_open(file, framework="pt") as stored:
        header = json.loads(stored.metadata()["progan"])
    assert header == {
        "format": "progan classifier 1",
        "checksum": header["checksum"],
        "name": "tones",
        "classes": ["dark", "light"],
        "multilabel": False,
        "data_fingerprint": Manifest.load(folder / "set").spec.fingerprint,
        "network": {"resolution": SIDE, "features": 256},
        "training": {"images": 300, "batch": 16, "lr": 0.001, "seed": 4},
        "held_out": {"images": 100, "accuracy": 1.0, "commonest": header["held_out"]["commonest"]},
    }
    assert 0.5 <= header["held_out"]["commonest"] < 0.7


def test_the_same_command_writes_the_same_file_and_says_how_often_it_is_right(
    file: Path, folder: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.safetensors"
    line = progan("classifier", folder / "set", "--out", again, "--name", "tones", *TRAINING).out
    assert again.read_bytes() == file.read_bytes()
    assert line.startswith(f"{again}: right in 100.0% on 100 images that were held out")
    assert line.endswith("results with it are named as fd50k-tones\n")


@pytest.mark.parametrize(("wanted", "read"), [(4, 4), (SIDE, SIDE), (32, SIDE)])
def test_images_are_read_no_larger_than_they_are_looked_at(folder: Path, wanted: int, read: int) -> None:
    manifest = Manifest.load(folder / "set")
    assert side(manifest, wanted) == read
    images = LabelledImages(manifest, side(manifest, wanted))
    assert images.read(np.array([0, 1])).images.shape == (2, 3, read, read)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("unlabelled", (), "unlabelled: has no labels, and telling classes apart needs two; prepare it with --label"),
        ("set", ("--name", "My Faces"), "--name 'My Faces': results are named for it, as fd50k-faces"),
        ("set", ("--name", "0123abcd"), "--name '0123abcd': results are named for it, as fd50k-faces"),
        ("set", ("--resolution", 33), "resolution: give a power of two, got 33"),
        ("absent", (), "absent: not a prepared set"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    folder: Path, name: str, options: tuple[object, ...], message: str
) -> None:
    out = folder / "refused.safetensors"
    assert message in refused("classifier", folder / name, "--out", out, *options)
    assert not out.exists()


def test_a_place_that_cannot_be_written_to_is_told_before_the_work(folder: Path) -> None:
    (folder / "file").write_text("")
    assert "is a folder; name a file" in refused("classifier", folder / "set", "--out", folder)
    assert "file: cannot be written to" in refused("classifier", folder / "set", "--out", folder / "file" / "out")


def test_an_interrupted_training_says_so_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    before, over = signal.signal(signal.SIGINT, signal.SIG_IGN), threading.Event()

    def interrupt() -> None:
        while not over.wait(0.05):  # until training has begun the signal is ignored
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        command = ("classifier", folder / "set", "--out", tmp_path / "c.safetensors", "--resolution", SIDE)
        printed = progan(*command, code=128 + signal.SIGINT)
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert printed.err == "stopped by SIGINT; the same command goes on or starts again\n"
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_names_no_network_is_measured_with_the_one_that_is_given(run: RunDirectory, file: Path) -> None:
    progan("evaluate", run.root, "fid1k", "--network", file)
    (record,) = run.read_metrics()
    assert record["metric"] == "fd1k-tones"
    assert record["value"] > 0
    assert record["provenance"]["weights_sha256"] == sha256_of(file)


def test_neighbours_are_looked_for_in_its_features(run: RunDirectory, file: Path) -> None:
    config = run.read_config()
    run.write_config(config | {"evaluation": config["evaluation"] | {"network": str(file)}})
    printed = progan("neighbours", run.root, "--count", 2, "--features")
    assert [line.split(":")[0] for line in printed.out.splitlines()] == ["pixels", "features"]
    features = json.loads(run.neighbours_facts(0).read_text())["spaces"]["features"]
    assert features["unit"].endswith(f"of the classifier tones, weights {sha256_of(file)[:8]}")


def test_a_network_that_is_not_there_is_named(run: RunDirectory) -> None:
    config = run.read_config()
    run.write_config(config | {"evaluation": config["evaluation"] | {"network": "absent.safetensors"}})
    line = refused("neighbours", run.root, "--count", 2, "--features")
    assert line.startswith("error: absent.safetensors: not a readable progan classifier 1")

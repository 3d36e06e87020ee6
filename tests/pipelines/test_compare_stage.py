"""`progan compare` as people run it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from progan_command import progan, refused

from progan.config import validate
from progan.data.preparing.shards import PrepareOptions, prepare
from progan.data.sources import SourceOptions, open_source
from progan.engine.snapshot import save_snapshot
from progan.engine.train import start
from progan.rundir import RunDirectory
from progan.settings import Config, make_schedule, untrained_system
from progan.types import DataSpec

RESOLUTION, IMAGES, SEED = 8, 1010, 3
METRICS = ("modes1k", "energy1k")


@pytest.fixture(autouse=True)
def _without_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROGAN_INCEPTION_WEIGHTS", "absent.pth")
    monkeypatch.setattr("pipelines.compare.CACHE", tmp_path / "cache")


def _write_noise(folder: Path, count: int, size: tuple[int, int] = (RESOLUTION, RESOLUTION)) -> Path:
    folder.mkdir()
    draws = np.random.default_rng(count)
    for number in range(count):
        pixels = draws.integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04d}.png")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run with an untrained generator as its snapshot, and beside it its set and the pictures that was made of."""
    folder = tmp_path_factory.mktemp("compare")
    pictures = _write_noise(folder / "pictures", IMAGES)
    manifest = prepare(open_source(str(pictures), SourceOptions()), folder / "set", PrepareOptions(RESOLUTION))
    settings: dict[str, Any] = {
        "seed": SEED,
        "data": {"path": str(folder / "set")},
        "system": {"latent_dim": 8, "maps_base": 64, "maps_max": 8},
        "schedule": {"resolution": RESOLUTION, "batch": {4: 16, 8: 16}},
        "evaluation": {"metrics": METRICS, "cache": str(folder / "cache")},
    }
    config, directory = validate(Config, settings), RunDirectory(folder / "run")
    training = start(untrained_system(config, DataSpec((4, 8), 1, (), "")), config.optim)
    training.images_seen = 2000
    phase = make_schedule(config)(make_schedule(config).total_images)
    training.average.set_growth(RESOLUTION, 1.0)  # type: ignore[operator]
    directory.write_config(config.model_dump(mode="json"))
    save_snapshot(training, config.system, manifest.spec, phase, directory.snapshot(2000))
    return directory


def _values(records: list[dict[str, Any]]) -> list[tuple[str, float, Any]]:
    return [(record["metric"], record["value"], record["provenance"]["details"]) for record in records]


def test_a_run_against_its_set_has_the_values_of_evaluate(run: RunDirectory, tmp_path: Path) -> None:
    progan("evaluate", run.root)
    (expected, names) = _values(run.read_metrics()), ["ndb1k", "spread1k", "energy1k"]
    real = run.root.parent / "set"
    lines = progan("compare", run.root, real, *METRICS, "--json", tmp_path / "run.json").out.splitlines()
    records = json.loads((tmp_path / "run.json").read_text())
    assert _values(records) == expected
    assert [name for name, _, _ in expected] == names
    assert [line.split()[0] for line in lines] == names
    assert {record["images_seen"] for record in records} == {2000}
    assert records[0].keys() == run.read_metrics()[0].keys()
    # A file in a run is measured as the run is, too.
    progan("compare", run.snapshot(2000), real, *METRICS, "--json", tmp_path / "file.json")
    assert _values(json.loads((tmp_path / "file.json").read_text())) == expected
    progan("compare", run.root, real, *METRICS, "--json", tmp_path / "file.json", "--no-mirror")
    assert _values(json.loads((tmp_path / "file.json").read_text())) != expected


def test_a_set_has_the_images_it_was_made_of(run: RunDirectory, tmp_path: Path) -> None:
    out, folder = tmp_path / "out.json", run.root.parent
    progan("compare", folder / "pictures", folder / "set", "energy", "--json", out)
    (record,) = json.loads(out.read_text())
    assert (record["metric"], record["images_seen"]) == (f"energy{IMAGES}:{IMAGES}", None)
    assert record["value"] < 1e-4
    assert record["provenance"]["generated"]["kind"] == "images"
    assert record["provenance"]["real"]["kind"] == "prepared set"
    progan("compare", folder / "set", folder / "set", "modes", "--resolution", 4, "--json", out)
    bins, _ = json.loads(out.read_text())
    assert (bins["metric"], bins["value"], bins["resolution"]) == (f"ndb{IMAGES}:{IMAGES}", 0, 4)
    progan("compare", run.root, folder / "pictures", "energy", "--json", out)
    (record,) = json.loads(out.read_text())
    assert record["metric"] == f"energy{IMAGES}:{IMAGES}"
    assert record["value"] > 10


def test_what_cannot_be_measured_is_left_out_with_a_line(tmp_path: Path) -> None:
    folder = _write_noise(tmp_path / "folder", 20)
    lines = progan("compare", folder, folder, "energy", "kid", "fid", "energy1k", "swd").out.splitlines()
    assert [line[: line.index(":", 14)] for line in lines[:4]] == [
        "kid20:20: left out",
        "energy1k: left out",
        "swd20:20: left out",
        "fid20:20: left out",
    ]
    assert lines[4].startswith("energy20:20 0  ")
    assert lines[4].endswith("8x8 px")


@pytest.mark.parametrize(
    ("generated", "real", "metrics", "message"),
    [
        ("absent", "square", ["energy"], "absent: no such file or folder; give images, a prepared set"),
        ("empty", "square", ["energy"], "empty: no image in it"),
        ("square/0000.png", "square", ["energy"], "0000.png: neither a folder nor a zip"),
        ("square", "square", ["energi"], "'energi': not a metric"),
        ("square", "oblong", ["energy"], "square has images of 8x8 px and"),
        ("square", "square", ["energy5k"], "it takes 5000 images and"),
        ("square", "square", ["energy", "--resolution", 16], "no images of 16 px, only of 8x8 px"),
        ("square", "square", ["kid"], "kid12:12: left out: it takes at least 1000 images on either side"),
        ("square", "square", [], "fid12:12: left out: absent.pth: no such file"),
        ("square", "square", ["fid", "--weights", "none.pth"], "none.pth: no such file, though --weights names it"),
        ("square", "square", ["swd"], "not defined below 16 px, and this is 8 px; give larger images"),
        ("oblong", "oblong", ["modes"], "it takes squares, and these images have 16x8 px"),
        ("mixed", "square", ["energy"], "z.png has 16x8 px, but 0000.png has 8x8 px; bring all to one size: progan"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    generated: str,
    real: str,
    metrics: list[object],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    _write_noise(tmp_path / "square", 12)
    _write_noise(tmp_path / "oblong", 12, (16, 8))
    _write_noise(tmp_path / "mixed", 12)
    (tmp_path / "oblong" / "0000.png").rename(tmp_path / "mixed" / "z.png")
    (tmp_path / "empty").mkdir()
    assert message in refused("compare", generated, real, *metrics)


def test_a_generator_has_no_real_images(run: RunDirectory) -> None:
    assert "a generator has no real images" in refused("compare", run.root.parent / "pictures", run.root, "energy")

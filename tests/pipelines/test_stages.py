"""The whole path as a user runs it: prepare, train, evaluate, sample, report."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from progan_command import progan, refused
from tiny_run import ROOT, TINY, curves, images_seen, last, metric_values, train

from progan import load_generator
from progan.rundir import RunDirectory
from progan.sampling.generate import generate
from progan.sampling.grids import tile
from progan.sampling.latents import draw_latents
from progan.types import LatentSpace


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where processes are started too."""
    monkeypatch.chdir(ROOT)


def test_a_run_holds_everything_it_promises(run: Path) -> None:
    assert last(run).name == "000002048.safetensors"
    assert len(list((run / "checkpoints").iterdir())) == 2
    assert {path.name for path in (run / "snapshots").iterdir()} >= {"000000256.safetensors", "000002048.safetensors"}
    assert Image.open(run / "samples" / "000000000-0004px.png").size == (16 * 4, 8 * 4)
    assert Image.open(run / "samples" / "000002048-0016px.png").size == (16 * 16, 8 * 16)
    assert [path.name[:9] for path in RunDirectory(run).walks()] == [
        path.stem for path in RunDirectory(run).snapshots()
    ]
    assert Image.open(run / "walks" / "000002048-0016px.png").size == (10 * 16, 16)
    shown = curves(run)
    assert [seen for seen, _ in shown["discriminator/logistic"]] == images_seen(run)
    assert shown["metrics/energy1k"] == [(seen, np.float32(value)) for seen, value in metric_values(run)]
    resolved = yaml.safe_load((run / "config.yaml").read_text())
    assert resolved["optim"]["beta2"] == 0.99
    stats = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    assert [record["images_seen"] for record in stats] == sorted(record["images_seen"] for record in stats)
    assert sum(record["batch"] > 0 for record in stats) == len(stats) >= 16


def test_metrics_tell_untrained_from_trained_and_name_their_provenance(run: Path) -> None:
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [record["images_seen"] for record in records] == [0, 1536, 2048]
    assert records[0]["provenance"]["snapshot"] == "untrained"
    assert all(record["resolution"] == 16 for record in records)
    assert len({record["provenance"]["data_fingerprint"] for record in records}) == 1


def test_a_loaded_generator_makes_the_images_of_the_last_grid(run: Path) -> None:
    generator = load_generator(run / "snapshots" / "000002048.safetensors")
    latents = draw_latents(TINY["seed"], "sample-grid", 0, 128, LatentSpace(generator.latent_dim))
    images = generate(generator, latents, torch.full((128,), -1), 16)
    shown = np.asarray(Image.open(run / "samples" / "000002048-0016px.png")).astype(int)
    difference = np.abs(tile(images, 16).numpy() - shown)
    # Training lays its weights out otherwise, so a sum may round to the next byte.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def test_missing_weights_are_told_before_training_and_the_other_metrics_still_run(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ["evaluation.metrics=[energy1k, fid1k]", "schedule.stable_kimg=0.128", "schedule.fade_kimg=0.128"]
    no_network = {"TORCH_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9", "PROGAN_INCEPTION_WEIGHTS": ""}
    for name, value in no_network.items():
        monkeypatch.setenv(name, value)
    said = train(config, tmp_path / "run", *settings).out
    device, left_out = said.splitlines()[:2]
    assert device.startswith("training on ")
    assert left_out.startswith("fid1k: left out")
    assert "PROGAN_INCEPTION_WEIGHTS" in left_out
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {record["metric"] for record in records} == {"energy1k"}


def test_the_sample_command_writes_a_grid_or_single_images(run: Path, tmp_path: Path) -> None:
    progan("sample", run, "--out", tmp_path / "grid.png", "--count", 6, "--columns", 3)
    progan("sample", max((run / "snapshots").iterdir()), "--out", tmp_path / "images", "--count", 3)
    assert (tmp_path / "grid.png").exists()
    assert refused("sample", run, "--out", "README.md/grid.png").startswith("error: README.md: ")
    assert "a grid is a .png" in refused("sample", run, "--out", tmp_path / "grid.jpg")
    assert "is given no attributes" in refused("sample", run, "--caption", "a woman")
    assert len(list((tmp_path / "images").glob("*.png"))) == 3


def test_the_report_is_written(run: Path) -> None:
    progan("report", run)
    assert "energy1k" in (run / "report.html").read_text()
    assert "energy1k" in (run / "report.md").read_text()


def test_settings_may_come_through_a_pipe(config: Path) -> None:
    command = [sys.executable, "-m", "pipelines", "train", "/dev/stdin", "optim.beta1=2"]
    ended = subprocess.run(command, cwd=ROOT, input=config.read_text(), capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: optim.beta1: ")  # not that there are no settings


def test_a_dry_run_shows_settings_and_phases_and_trains_nothing(config: Path) -> None:
    directory = config.parent / "dry"
    output = progan("train", config, "--run", directory, "--dry-run").out
    assert "0 to 1" in output
    assert "ema_half_life_kimg: 0.2" in output
    assert not directory.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "configs/quickstart.yaml", "optim.lrr=1"], "optim.lrr: unknown key; did you mean optim.lr?"),
        (["train", "configs/none.yaml"], "configs/none.yaml: no such config file"),
        (["train", "configs/quickstart.yaml", "data.path=nowhere"], "nowhere: not a prepared set"),
        (["report", "nowhere"], "nowhere"),
        (["evaluate", "nowhere"], "nowhere: not a run directory"),
        (["sample", "nowhere"], "nowhere"),
        (["prepare", "nowhere", "--out", "never"], "nowhere"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(arguments: list[str], message: str) -> None:
    assert message in refused(*arguments)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.precision=fp16", "fp16 needs a GPU"),
        ("optim.precision=tf32", "tf32 needs a GPU"),
        ("schedule.resolution=32", "32 px is not in the prepared data"),
        ("schedule.batch.8=6", "6 is not a multiple of 4"),
        ("optim.max_images_per_process={8: 2}", "optim.max_images_per_process.8: 2 is less than a group of 4"),
        ("optim.max_images_per_process={64: 8}", "optim.max_images_per_process.64: not a resolution of the schedule"),
    ],
)
def test_combinations_that_cannot_work_are_refused_before_training(config: Path, override: str, message: str) -> None:
    directory = config.parent / "refused"
    assert message in refused("train", config, "--run", directory, override)
    assert not (directory / "checkpoints").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["--help"], 0),
        (["settings"], 0),
        (["train", "--dry-run"], 0),
        (["train", "optim.lrr=1"], 2),
        (["train", "schedule.resolution=1024"], 2),  # larger than the prepared images
        (["evaluate", "--due", "--list"], 0),
    ],
)
def test_what_needs_no_network_is_told_without_importing_torch(
    arguments: list[str], code: int, config: Path, run: Path
) -> None:
    subject = {"settings": config, "train": config, "evaluate": run}.get(arguments[0])
    if subject is not None:
        arguments = [arguments[0], str(subject), *arguments[1:]]
    asking = ["import sys", "from pipelines.__main__ import main", "try: main(sys.argv[1:])"]
    script = "\n".join([*asking, "finally: print('torch' in sys.modules)"])
    ended = subprocess.run([sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == code
    assert ended.stdout.splitlines()[-1] == "False", ended.stdout

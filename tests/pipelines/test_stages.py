"""The whole path as a user runs it: prepare, train, kill, go on, evaluate, sample, report."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from progan_command import refused
from safetensors.torch import load_file

import progan
from progan.rundir import RunDirectory
from progan.sampling.generate import generate
from progan.sampling.grids import tile
from progan.sampling.latents import draw_latents
from progan.types import LatentSpace

ROOT = Path(__file__).parents[2]
TINY: dict[str, Any] = {
    "seed": 3,
    "system": {"latent_dim": 8, "maps_base": 64, "maps_max": 8, "loss": {"name": "logistic-r1", "every": 4}},
    "schedule": {
        "resolution": 16,
        "stable_kimg": 0.512,
        "fade_kimg": 0.256,
        "batch": {4: 16, 8: 16, 16: 16},
    },
    "optim": {"ema_half_life_kimg": 0.2},
    "cadence": {"tick_kimg": 0.128, "sample_kimg": 0.256, "checkpoint_kimg": 0.256},
    "evaluation": {"metrics": ["swd1k"], "every_kimg": 1.5},
}


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "pipelines", *map(str, arguments)]


def _progan(*arguments: object, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | variables
    done = subprocess.run(_command(*arguments), cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where processes are started too."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    _progan("prepare", "synthetic", "--out", folder / "data", "--resolution", 16, "--limit", 1100)
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY | {"data": {"path": str(folder / "data")}}))
    return path


@pytest.fixture(scope="module")
def run(config: Path) -> Path:
    directory = config.parent / "undisturbed"
    _progan("train", config, "--run", directory)
    return directory


def _last(run: Path) -> Path:
    return max((run / "checkpoints").iterdir())


def test_a_run_holds_everything_it_promises(run: Path) -> None:
    assert _last(run).name == "000002048.safetensors"
    assert len(list((run / "checkpoints").iterdir())) == 2
    assert {path.name for path in (run / "snapshots").iterdir()} >= {"000000256.safetensors", "000002048.safetensors"}
    assert Image.open(run / "samples" / "000000000-0004px.png").size == (16 * 4, 8 * 4)
    assert Image.open(run / "samples" / "000002048-0016px.png").size == (16 * 16, 8 * 16)
    assert [path.name[:9] for path in RunDirectory(run).walks()] == [
        path.stem for path in RunDirectory(run).snapshots()
    ]
    assert Image.open(run / "walks" / "000002048-0016px.png").size == (10 * 16, 16)
    assert list((run / "tensorboard").iterdir())
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
    generator = progan.load_generator(run / "snapshots" / "000002048.safetensors")
    latents = draw_latents(TINY["seed"], "sample-grid", 0, 128, LatentSpace(generator.latent_dim))
    images = generate(generator, latents, torch.full((128,), -1), 16)
    shown = np.asarray(Image.open(run / "samples" / "000002048-0016px.png")).astype(int)
    difference = np.abs(tile(images, 16).numpy() - shown)
    # Training lays its weights out otherwise, so a sum may round to the next byte.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def test_missing_weights_are_told_before_training_and_the_other_metrics_still_run(config: Path, tmp_path: Path) -> None:
    settings = ["evaluation.metrics=[swd1k, fid1k]", "schedule.stable_kimg=0.128", "schedule.fade_kimg=0.128"]
    no_network = {"TORCH_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9", "PROGAN_INCEPTION_WEIGHTS": ""}
    lines = _progan("train", config, "--run", tmp_path / "run", *settings, **no_network).stdout.splitlines()
    assert lines[0].startswith("fid1k: left out")
    assert "PROGAN_INCEPTION_WEIGHTS" in lines[0]
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {record["metric"] for record in records} == {"swd1k"}


def test_killed_three_times_the_same_command_ends_with_the_same_weights(config: Path, run: Path) -> None:
    directory = config.parent / "killed"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    draw = random.Random(time.time_ns())
    kills = 0
    for kill in range(3):
        process = subprocess.Popen(
            _command("train", config, "--run", directory), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        # Past the first checkpoint of this attempt's stretch, then at a random moment.
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            seen = [int(path.name[:9]) for path in (directory / "checkpoints").glob("[0-9]*")]
            if seen and max(seen) >= 256 * (2 * kill + 1):
                break
            time.sleep(0.02)
        time.sleep(draw.random() * 0.5)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert kills
    _progan("train", config, "--run", directory)
    one, other = load_file(_last(directory)), load_file(_last(run))
    assert one.keys() == other.keys()
    assert all(one[name].equal(other[name]) for name in one)
    assert _metric_values(directory) == _metric_values(run)
    assert _images_seen(directory) == _images_seen(run)


def _metric_values(run: Path) -> list[tuple[int, float]]:
    return [(record["images_seen"], record["value"]) for record in RunDirectory(run).read_metrics()]


def _images_seen(run: Path) -> list[int]:
    return [json.loads(line)["images_seen"] for line in (run / "stats.jsonl").read_text().splitlines()]


def test_a_termination_signal_saves_and_the_same_command_goes_on(config: Path, run: Path) -> None:
    directory = config.parent / "stopped"
    process = subprocess.Popen(
        _command("train", config, "--run", directory),
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "kimg  4 px" in line:
            break
    process.send_signal(signal.SIGTERM)
    output = process.stdout.read()
    assert process.wait() == 128 + signal.SIGTERM
    assert "the same command goes on" in output
    _progan("train", config, "--run", directory)
    one, other = load_file(_last(directory)), load_file(_last(run))
    assert all(one[name].equal(other[name]) for name in one)


def test_a_finished_run_is_left_as_it_is(config: Path, run: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.safetensors")}
    _progan("train", config, "--run", run)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*.safetensors")} == before


def test_changed_settings_are_refused_for_a_begun_run_but_cadence_may_change(config: Path, run: Path) -> None:
    done = _progan("train", config, "--run", run, "optim.lr=0.5", code=2)
    assert "optim.lr was 0.001, now 0.5" in done.stderr
    _progan("train", config, "--run", run, "cadence.sample_kimg=1")


def test_a_finished_run_can_be_trained_longer_as_if_it_had_been_asked_for_at_first(config: Path, run: Path) -> None:
    directory = config.parent / "longer"
    _progan("train", config, "--run", directory, "schedule.total_kimg=1.9")
    assert RunDirectory(directory).read_status().state == "finished"
    _progan("train", config, "--run", directory)
    one, other = load_file(_last(directory)), load_file(_last(run))
    assert all(one[name].equal(other[name]) for name in one)


def test_a_schedule_changes_only_for_what_is_not_trained_yet(config: Path) -> None:
    networks = {"name": "dense", "generator": [8], "discriminator": [8]}
    tree = {"system": {"name": "vanilla", "networks": networks}, "evaluation": {"metrics": []}}
    schedule = {"name": "constant", "resolution": 16, "batch": 16, "total_kimg": 0.128, "decay_kimg": 0.064}
    path = config.parent / "decaying.yaml"
    path.write_text(yaml.safe_dump(tree | {"schedule": schedule, "data": {"path": str(config.parent / "data")}}))
    changed, anew = config.parent / "changed", config.parent / "anew"
    _progan("train", path, "--run", changed, "schedule.total_kimg=0.064", "schedule.decay_kimg=0")
    for directory in (changed, anew):  # 64 images at the full rate, then 64 while it goes down
        _progan("train", path, "--run", directory)
    one, other = (load_file(_last(directory)) for directory in (changed, anew))
    assert all(one[name].equal(other[name]) for name in one)
    said = refused("train", path, "--run", changed, "schedule.total_kimg=0.256")
    assert "schedule.total_kimg was 0.128, now 0.256" in said
    said = refused("train", path, "--run", changed, "schedule.resolution=8")
    assert "schedule.resolution was 16, now 8" in said


def test_evaluating_again_gives_the_same_number_and_measures_nothing_twice(run: Path) -> None:
    assert "measured already" in _progan("evaluate", run).stdout
    metrics = run / "metrics.jsonl"
    lines = metrics.read_text().splitlines(keepends=True)
    metrics.write_text("".join(lines[:-1]))
    _progan("evaluate", run)
    again, before = (json.loads(line) for line in (metrics.read_text().splitlines()[-1], lines[-1]))
    assert again["value"] == before["value"]
    assert again["floor"] == before["floor"]
    del before["provenance"]["real_mirrored"]  # as records were before real images were mirrored
    metrics.write_text("".join(lines[:-1]) + json.dumps(before) + "\n")
    _progan("evaluate", run)
    assert len(metrics.read_text().splitlines()) == len(lines) + 1
    metrics.write_text("".join(lines))


def test_a_refused_command_changes_nothing_in_the_run(config: Path, run: Path, tmp_path: Path) -> None:
    copy = RunDirectory(tmp_path / "copy")
    shutil.copytree(run, copy.root)
    assert "optim.beta2 was 0.99, now 0.5" in refused("train", config, "--run", copy.root, "optim.beta2=0.5")
    assert copy.read_status() == RunDirectory(run).read_status()
    shutil.rmtree(copy.root / "checkpoints")
    assert "snapshots but no checkpoint; restore one" in refused("train", config, "--run", copy.root)
    assert len(copy.snapshots()) == len(RunDirectory(run).snapshots())
    assert copy.read_metrics() == RunDirectory(run).read_metrics()


def test_a_damaged_checkpoint_is_told_and_the_one_before_taken(config: Path, run: Path, tmp_path: Path) -> None:
    copy = RunDirectory(tmp_path / "copy")
    shutil.copytree(run, copy.root)
    newest = copy.checkpoints()[-1]
    content = bytearray(newest.read_bytes())
    content[-100] ^= 16
    newest.write_bytes(content)
    said = _progan("train", config, "--run", copy.root).stdout
    assert f"warning: {newest}: damaged" in said
    assert newest.read_bytes() == _last(run).read_bytes()


@pytest.mark.parametrize(
    ("name", "contents", "commands"),
    [
        ("config.yaml", ["seed: [", "- 1", "seed: nine", "\xff"], ["train", "evaluate", "neighbours"]),
        ("facts.json", ["{", "[]", "{}"], ["train"]),
        ("stats.jsonl", ["{]\n", "7\n", "{}\n"], ["train", "report"]),
        ("metrics.jsonl", ["{]\n", "7\n", "{}\n"], ["train", "evaluate", "report", "best"]),
        (
            "status.json",
            ["[]", '{"state": "lost"}', '{"state": "finished", "images_seen": "all"}'],
            ["status", "report"],
        ),
    ],
)
def test_a_damaged_file_of_a_run_is_named_and_nothing_is_lost(
    config: Path, run: Path, tmp_path: Path, name: str, contents: list[str], commands: list[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    arguments = {"train": (config, "--run", copy)}
    for content in contents:
        (copy / name).write_text(content, encoding="latin-1")
        before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
        for command in commands:
            assert str(copy / name) in refused(command, *arguments.get(command, (copy,)))
            assert {path: path.read_bytes() for path in before} == before


def test_a_run_is_not_measured_against_other_images(config: Path, run: Path, tmp_path: Path) -> None:
    copy = RunDirectory(tmp_path / "copy")
    shutil.copytree(run, copy.root)
    _progan("prepare", "synthetic", "--out", tmp_path / "other", "--resolution", 16, "--limit", 1100, "--seed", 9)
    settings = copy.read_config()
    copy.write_config(settings | {"data": settings["data"] | {"path": str(tmp_path / "other")}})
    assert "other: not the images that" in refused("evaluate", copy.root, "energy1k")
    assert _metric_values(copy.root) == _metric_values(run)


def test_snapshots_are_measured_by_processes_beside_the_training(config: Path, run: Path) -> None:
    """What they find, two at once, is what the training would have found, each result once."""
    directory = config.parent / "beside"
    _progan("train", config, "--run", directory, "evaluation.in_training=false")
    assert not (directory / "metrics.jsonl").exists()
    listed = _progan("evaluate", directory, "--due", "--list").stdout.split()
    assert [Path(path).stem for path in listed] == ["000001536", "000002048"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    commands = [_command("evaluate", directory, "--due"), [*launcher, "-m", "pipelines.evaluate", directory, "--due"]]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    both = [subprocess.Popen(command, cwd=ROOT, env=environment) for command in commands]
    assert [process.wait() for process in both] == [0, 0]
    assert sorted(_metric_values(directory)) == sorted(_metric_values(run))
    assert _progan("evaluate", directory, "--due", "--list").stdout == ""
    assert "give one of them" in refused("evaluate", directory, "--due", "--all")


def test_a_watcher_measures_snapshots_as_they_appear_and_ends_with_the_training(run: Path, tmp_path: Path) -> None:
    watched = RunDirectory(tmp_path / "watched")
    shutil.copytree(run, watched.root, ignore=shutil.ignore_patterns("metrics.jsonl", "000002048.safetensors"))
    ended = watched.read_status()
    watched.write_status(replace(ended, state="running"))
    watcher = subprocess.Popen(_command("evaluate", watched.root, "--due", "--watch"), cwd=ROOT)
    while [seen for seen, _ in _metric_values(watched.root)] != [0, 1536]:
        assert watcher.poll() is None
        time.sleep(0.2)
    shutil.copy(RunDirectory(run).snapshot(2048), watched.snapshot(2048))
    watched.write_status(ended)
    assert watcher.wait() == 0
    assert _metric_values(watched.root) == _metric_values(run)


def test_the_best_snapshot_is_named(run: Path) -> None:
    values = {value: seen for seen, value in _metric_values(run) if seen}
    assert _progan("best", run).stdout.strip() == str(RunDirectory(run).snapshot(values[min(values)]))
    assert "there are: swd1k" in refused("best", run, "fid50k")


def test_a_metric_that_cannot_be_measured_is_an_error_when_it_is_all_that_is_asked_for(run: Path) -> None:
    assert "fit" not in _progan("evaluate", run, "swd1k").stderr
    assert "ask for swd1k" in refused("evaluate", run, "swd4k")


def test_the_sample_command_writes_a_grid_or_single_images(run: Path, tmp_path: Path) -> None:
    _progan("sample", run, "--out", tmp_path / "grid.png", "--count", 6, "--columns", 3)
    _progan("sample", max((run / "snapshots").iterdir()), "--out", tmp_path / "images", "--count", 3)
    assert (tmp_path / "grid.png").exists()
    assert refused("sample", run, "--out", "README.md/grid.png").startswith("error: README.md: ")
    assert "is given no attributes" in refused("sample", run, "--caption", "a woman")
    assert len(list((tmp_path / "images").glob("*.png"))) == 3


def test_the_report_is_written(run: Path) -> None:
    _progan("report", run)
    assert "swd1k" in (run / "report.html").read_text()
    assert "swd1k" in (run / "report.md").read_text()


def test_a_dry_run_shows_phases_and_sizes_and_trains_nothing(config: Path) -> None:
    directory = config.parent / "dry"
    output = _progan("train", config, "--run", directory, "--dry-run").stdout
    assert "0 to 1" in output
    assert "generator:" in output
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


def test_versions_and_help_are_given_without_importing_torch() -> None:
    assert _progan("--version").stdout.startswith("progan ")
    code = "import sys; import pipelines.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0

"""Runs that are killed, stopped, finished or changed, and the same command once more."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import yaml
from progan_command import refused
from safetensors.torch import load_file
from tiny_run import ROOT, command, curves, images_seen, last, metric_values, train

from progan.rundir import RunDirectory


def test_killed_three_times_the_same_command_ends_with_the_same_weights(config: Path, run: Path) -> None:
    directory = config.parent / "killed"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    draw = random.Random(time.time_ns())
    kills = 0
    for kill in range(3):
        process = subprocess.Popen(
            command("train", config, "--run", directory), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
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
    train(config, directory)
    one, other = load_file(last(directory)), load_file(last(run))
    assert one.keys() == other.keys()
    assert all(one[name].equal(other[name]) for name in one)
    assert metric_values(directory) == metric_values(run)
    assert images_seen(directory) == images_seen(run)


def test_a_termination_signal_saves_and_the_same_command_goes_on(config: Path, run: Path) -> None:
    directory = config.parent / "stopped"
    process = subprocess.Popen(
        command("train", config, "--run", directory),
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
    train(config, directory)
    one, other = load_file(last(directory)), load_file(last(run))
    assert all(one[name].equal(other[name]) for name in one)
    shown = curves(directory)
    assert [seen for seen, _ in shown["fade"]] == images_seen(directory)
    assert shown["metrics/energy1k"] == curves(run)["metrics/energy1k"]


def test_a_finished_run_is_left_as_it_is(config: Path, run: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.safetensors")}
    train(config, run)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*.safetensors")} == before


def test_changed_settings_are_refused_for_a_begun_run_but_cadence_may_change(config: Path, run: Path) -> None:
    assert "optim.lr was 0.001, now 0.5" in refused("train", config, "--run", run, "optim.lr=0.5")
    train(config, run, "cadence.sample_kimg=1")


def test_a_run_of_a_release_that_did_not_know_a_setting_yet_goes_on(config: Path, run: Path) -> None:
    path = run / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    del settings["data"]["lanes"]
    path.write_text(yaml.safe_dump(settings))
    train(config, run)
    assert "data.lanes was 8, now 3" in refused("train", config, "--run", run, "data.lanes=3")


def test_a_finished_run_can_be_trained_longer_as_if_it_had_been_asked_for_at_first(config: Path, run: Path) -> None:
    directory = config.parent / "longer"
    train(config, directory, "schedule.total_kimg=1.9")
    assert RunDirectory(directory).read_status().state == "finished"
    train(config, directory)
    one, other = load_file(last(directory)), load_file(last(run))
    assert all(one[name].equal(other[name]) for name in one)


def test_a_schedule_changes_only_for_what_is_not_trained_yet(config: Path) -> None:
    networks = {"name": "dense", "generator": [8], "discriminator": [8]}
    tree = {"system": {"name": "vanilla", "networks": networks}, "evaluation": {"metrics": []}}
    schedule = {"name": "constant", "resolution": 16, "batch": 16, "total_kimg": 0.128, "decay_kimg": 0.064}
    path = config.parent / "decaying.yaml"
    path.write_text(yaml.safe_dump(tree | {"schedule": schedule, "data": {"path": str(config.parent / "data")}}))
    changed, anew = config.parent / "changed", config.parent / "anew"
    train(path, changed, "schedule.total_kimg=0.064", "schedule.decay_kimg=0")
    for directory in (changed, anew):  # 64 images at the full rate, then 64 while it goes down
        train(path, directory)
    one, other = (load_file(last(directory)) for directory in (changed, anew))
    assert all(one[name].equal(other[name]) for name in one)
    said = refused("train", path, "--run", changed, "schedule.total_kimg=0.256")
    assert "schedule.total_kimg was 0.128, now 0.256" in said
    said = refused("train", path, "--run", changed, "schedule.resolution=8")
    assert "schedule.resolution was 16, now 8" in said

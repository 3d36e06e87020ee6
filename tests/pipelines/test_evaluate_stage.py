"""Measuring snapshots: again, beside the training, by several processes at once."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from progan_command import progan, refused
from tiny_run import ROOT, command, metric_values, train

from pipelines.evaluate import POLL
from progan.rundir import RunDirectory


def test_evaluating_again_gives_the_same_number_and_measures_nothing_twice(run: Path) -> None:
    assert "measured already" in progan("evaluate", run).out
    metrics = run / "metrics.jsonl"
    lines = metrics.read_text().splitlines(keepends=True)
    metrics.write_text("".join(lines[:-1]))
    progan("evaluate", run)
    again, before = (json.loads(line) for line in (metrics.read_text().splitlines()[-1], lines[-1]))
    assert again["value"] == before["value"]
    assert again["floor"] == before["floor"]
    del before["provenance"]["real_mirrored"]  # as records were before real images were mirrored
    metrics.write_text("".join(lines[:-1]) + json.dumps(before) + "\n")
    progan("evaluate", run)
    assert len(metrics.read_text().splitlines()) == len(lines) + 1
    metrics.write_text("".join(lines))


def test_snapshots_are_measured_by_processes_beside_the_training(config: Path, run: Path) -> None:
    """What they find, two at once, is what the training would have found, each result once."""
    directory = config.parent / "beside"
    train(config, directory, "evaluation.in_training=false")
    assert not (directory / "metrics.jsonl").exists()
    listed = progan("evaluate", directory, "--due", "--list").out.split()
    assert [Path(path).stem for path in listed] == ["000001536", "000002048"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    commands = [command("evaluate", directory, "--due"), [*launcher, "-m", "pipelines.evaluate", directory, "--due"]]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    both = [subprocess.Popen(command, cwd=ROOT, env=environment) for command in commands]
    assert [process.wait() for process in both] == [0, 0]
    assert sorted(metric_values(directory)) == sorted(metric_values(run))
    assert progan("evaluate", directory, "--due", "--list").out == ""
    assert "give one of them" in refused("evaluate", directory, "--due", "--all")


def test_a_watcher_measures_snapshots_as_they_appear_and_ends_with_the_training(run: Path, tmp_path: Path) -> None:
    watched = RunDirectory(tmp_path / "watched")
    later = (1536, 1792, 2048)
    left_out = shutil.ignore_patterns("metrics.jsonl", *(f"{seen:09d}.safetensors" for seen in later))
    shutil.copytree(run, watched.root, ignore=left_out)
    ended = watched.read_status()
    watched.write_status(replace(ended, state="running"))
    with (tmp_path / "said").open("w") as said:
        watcher = subprocess.Popen(command("evaluate", watched.root, "--due", "--watch"), cwd=ROOT, stdout=said)
    while [seen for seen, _ in metric_values(watched.root)] != [0]:
        assert watcher.poll() is None
        time.sleep(0.2)
    time.sleep(1.2 * POLL)  # it looks again, and has nothing to say
    for seen in later:
        shutil.copy(RunDirectory(run).snapshot(seen), watched.snapshot(seen))
    watched.write_status(ended)
    assert watcher.wait() == 0
    assert "measured already" not in (tmp_path / "said").read_text()
    assert metric_values(watched.root) == metric_values(run)


def test_the_best_snapshot_is_named(run: Path) -> None:
    values = {value: seen for seen, value in metric_values(run) if seen}
    assert progan("best", run).out.strip() == str(RunDirectory(run).snapshot(values[min(values)]))
    assert "there are: energy1k" in refused("best", run, "fid50k")


def test_a_metric_that_cannot_be_measured_is_an_error_when_it_is_all_that_is_asked_for(run: Path) -> None:
    assert "fit" not in progan("evaluate", run, "energy1k").err
    assert "ask for energy1k" in refused("evaluate", run, "energy4k")


def test_a_snapshot_too_small_for_the_only_metric_that_can_be_measured_does_not_end_the_measuring(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROGAN_INCEPTION_WEIGHTS", "absent.pth")
    small, last = (RunDirectory(run).snapshot(seen) for seen in (512, 2048))
    left_out, undefined = progan("evaluate", run, "swd1k", "fid1k", "--snapshot", small).out.splitlines()
    assert left_out.startswith("fid1k: left out: absent.pth: no such file")
    assert undefined == f"{small.name}: swd1k: left out: not defined below 16 px, and this is 4 px"
    assert "absent.pth: no such file" in refused("evaluate", run, "fid1k", "--snapshot", last)


def test_a_metric_that_is_not_defined_at_the_size_of_a_training_is_told(config: Path, tmp_path: Path) -> None:
    small = ("schedule.resolution=8", "schedule.stable_kimg=0.128", "evaluation.metrics=[swd1k]")
    said = train(config, tmp_path / "run", *small).out
    assert "swd1k: left out: not defined below 16 px, and this is 8 px" in said
    assert "8 px, where this training ends" in refused("evaluate", tmp_path / "run", "swd1k")

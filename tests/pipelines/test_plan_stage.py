"""Plans against what trainings really write and take."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from progan_command import progan, refused

from pipelines import plan as plan_module
from pipelines.planning import figures, measure, memory
from pipelines.planning.estimate import plan_resolution, sizes
from pipelines.planning.figures import Figure, nearest
from pipelines.planning.memory import KEPT_WHEN_FREED, Memory
from pipelines.planning.subject import Subject
from progan.config import load
from progan.engine.tally import Tally
from progan.files import read_jsonl
from progan.rundir import RunDirectory
from progan.settings import Config, make_schedule
from progan.types import ConfigError, DataError, DataSpec

TREE: dict[str, Any] = {
    "system": {"latent_dim": 8, "maps_base": 64, "maps_max": 8},
    "schedule": {
        "resolution": 16,
        "start_resolution": 8,
        "stable_kimg": 0.064,
        "fade_kimg": 0.064,
        "batch": {8: 16, 16: 16},
    },
    "cadence": {"checkpoint_kimg": 0.128, "tick_kimg": 0.064, "sample_kimg": 1},
    "evaluation": {"metrics": ["energy1k", "swd1k"], "every_kimg": 0.2, "in_training": False},
}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "own" / "figures.jsonl"
    monkeypatch.setattr(figures, "OWN", path)
    monkeypatch.setattr(figures, "PACKAGED", tmp_path / "packaged.jsonl")
    (tmp_path / "packaged.jsonl").write_text("")
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TREE | {"data": {"path": str(tmp_path / "set")}}))
    return path


def _subject(path: Path, *overrides: str, processes: int = 1) -> Subject:
    config = load(Config, path, overrides)
    data = DataSpec(config.schedule.resolutions, 100, (), "")
    return Subject(config, make_schedule(config), data, processes)


def test_without_figures_it_tells_memory_and_disk_and_how_to_get_times(config: Path) -> None:
    output = progan("plan", config).out
    assert "no figures of" in output
    assert "--measure" in output
    assert "2 snapshots of" in output  # of 128 and 192 images
    assert "warning" not in output


def test_measured_figures_are_kept_and_give_the_same_times_later(config: Path, own: Path) -> None:
    measured = progan("plan", config, "--measure", "--seconds", 0.05).out
    assert own.exists()
    assert "?" not in measured
    assert _times(progan("plan", config).out) == _times(measured)
    by_name = progan("plan", config, "--device", figures.stored()[0].device).out
    assert _times(by_name) == _times(measured)


def test_what_was_measured_is_kept_where_the_rest_cannot_be(
    config: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DataError("no weights")

    def stop(*_: object) -> None:
        raise ConfigError("broken off")

    command = ("plan", config, "--measure", "--seconds", 0.05, "evaluation.metrics=[energy1k]")
    monkeypatch.setattr(measure, "_metric", refuse)
    assert progan(*command).out.count("energy: not measured: no weights") == 1
    rounds = [(record["what"], record["resolution"]) for record in read_jsonl(own)]
    assert rounds == [("round", size) for size in (8, 16, 16)]
    monkeypatch.setattr(measure, "_metric", stop)
    assert "broken off" in refused(*command)
    assert len(read_jsonl(own)) == 2 * len(rounds)


def _times(output: str) -> list[str]:
    """The rows without the last column, memory, which grows with the process."""
    return [line.rpartition("│")[0].rpartition("│")[0] for line in output.splitlines() if line.startswith("│")]


def test_files_are_as_large_and_as_many_as_planned(config: Path) -> None:
    set_ = config.parent / "set"
    progan("prepare", "synthetic", "--out", set_, "--resolution", 16, "--limit", 64, "--workers", 1)
    directory = RunDirectory(config.parent / "run")
    progan("train", config, "--run", directory.root)
    planned, checkpoint = sizes(_subject(config)), directory.checkpoints()[-1]
    assert planned.snapshots == len(list((directory.root / "snapshots").iterdir()))
    for path, size in ((checkpoint, planned.checkpoint), (directory.snapshot(192), planned.snapshot)):
        header = 8 + int.from_bytes(path.read_bytes()[:8], "little")
        assert path.stat().st_size - header == pytest.approx(size, rel=0.01)
    assert "shards:" in progan("plan", config).out


def test_a_training_on_a_cpu_takes_as_much_memory_as_planned(config: Path) -> None:
    set_, run = config.parent / "set", config.parent / "run"
    progan("prepare", "synthetic", "--out", set_, "--resolution", 16, "--limit", 64, "--workers", 1)

    def alone(*command: str | Path) -> str:
        """The output of a process that holds nothing else."""
        whole = [sys.executable, "-m", "pipelines", *map(str, command), "evaluation.metrics=[]"]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        return subprocess.run(whole, check=True, capture_output=True, text=True, env=environment).stdout

    alone("train", config, "--run", run)
    seen = max(record["memory_mb"] for record in read_jsonl(RunDirectory(run).stats)) * 2**20
    row = next(line for line in alone("plan", config).splitlines() if line.startswith("│ all"))
    planned, unit = row.strip("│ ").split()[-2:]
    assert unit == "MB"
    assert float(planned) * 1e6 == pytest.approx(seen, rel=0.15)


def test_main_memory_holds_libraries_images_and_freed_blocks_too() -> None:
    large = Tally(0, 0, peak_bytes=10**10, state_bytes=10**9, gradient_bytes=0)
    small = Tally(0, 0, peak_bytes=3 * 10**6, state_bytes=2 * 10**6, gradient_bytes=0)
    assert Memory(2**40).needed(large, images=7) == large.peak_bytes
    on_cpu = Memory(2**40, base=5, is_main=True)
    assert on_cpu.needed(large, images=7) == 5 + 7 + large.peak_bytes + KEPT_WHEN_FREED
    assert on_cpu.needed(small, images=7) == 5 + 7 + small.peak_bytes + 10**6


def test_what_does_not_fit_is_told_with_a_setting_that_does(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = _subject(config)
    room = 2**20
    monkeypatch.setattr(memory, "device_memory", lambda: room)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(plan_module, "device_name", lambda: "a small one")
    counted = subject.tally(subject.schedule.stages[-1])
    assert counted.state_bytes < room < counted.peak_bytes
    output = progan("plan", config).out
    setting = next(word for word in output.split() if word.startswith("optim.max_images_per_process.16="))
    output = progan("plan", config, setting, "optim.max_images_per_process.8=4").out
    assert "max_images_per_process" not in output


def test_a_share_that_cannot_be_cut_is_refused(config: Path) -> None:
    assert "not a multiple of 12 (3 processes x groups of 4" in refused("plan", config, "--processes", 3)


def test_figures_of_another_device_and_a_measurement_exclude_each_other(config: Path) -> None:
    assert "--device" in refused("plan", config, "--measure", "--device", "NVIDIA H200")
    assert "--device NVIDIA H200: no figures of it; there are: none" in refused(
        "plan", config, "--device", "NVIDIA H200"
    )


def test_times_are_rounds_times_figures_scaled_by_flops(config: Path) -> None:
    subject = _subject(config)
    stage = subject.schedule.stages[-1]
    counted = subject.tally(stage)
    figure = Figure("round", "x", 16, 3.0, precision="fp32", flops=2 * counted.flops, operations=counted.operations)
    metric = Figure("energy", "x", 16, 0.01, fixed_seconds=2.0, real_seconds=0.001)
    other = Figure("swd", "x", 16, 0.0)
    planned = plan_resolution(subject, [stage], [figure, metric, other], Memory(2**60))
    assert planned.seconds == pytest.approx(4 * 1.5)  # 64 images
    assert planned.evaluations == 2  # at 192 images, and of the untrained generator
    assert planned.evaluation_seconds == pytest.approx(2 * (2 + 10) + 2000 * 0.001)
    assert not planned.guessed
    assert planned.fits is None


def test_the_nearest_figure_is_of_the_nearest_resolution_then_of_the_most_similar_work() -> None:
    table = [
        Figure("round", "x", 32, 1.0, flops=1e6, operations=10),
        Figure("round", "x", 32, 2.0, flops=1e9, operations=10),
        Figure("round", "x", 64, 3.0, flops=1e9, operations=10),
    ]
    assert nearest(table, 32, 3e5).seconds == 1.0  # type: ignore[union-attr]
    assert nearest(table, 16, 9e7).seconds == 2.0  # type: ignore[union-attr]
    assert nearest(table, 256, 1).seconds == 3.0  # type: ignore[union-attr]
    assert nearest([], 256, 1) is None

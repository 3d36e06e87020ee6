"""A process that is killed or stands still ends all others, with a line that names it; nothing is left running."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from progan_command import progan

from progan.distributed.watch import Watch, _Signs
from progan.distributed.world import World

ROOT = Path(__file__).parents[2]
CONFIG = {
    "system": {"latent_dim": 8, "maps_base": 32, "maps_max": 8, "loss": {"name": "wgan-gp"}},
    "schedule": {"resolution": 4, "stable_kimg": 1000, "batch": {4: 16}},
    "cadence": {"tick_kimg": 0.1, "checkpoint_kimg": 0.5},
    "evaluation": {"metrics": []},
}


def children(process: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True, check=False).stdout.split()
    return [int(number) for number in found]


def wait(what: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.1)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    prepare = ["prepare", "synthetic", "--out", tmp_path / "data", "--resolution", 4, "--limit", 64, "--workers", 1]
    progan(*prepare)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(CONFIG | {"data": {"path": str(tmp_path / "data")}}))
    return tmp_path / "run"


def launch(run: Path, rank: int, port: int) -> "subprocess.Popen[str]":
    """One of two launchers, as on two nodes: each ends its own process alone."""
    command = ["-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1", "--node_rank", str(rank)]
    command += ["--master_addr", "127.0.0.1", "--master_port", str(port), "-m", "pipelines.train"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    config = run.with_name("tiny.yaml")
    return subprocess.Popen(
        [sys.executable, *command, str(config), "--run-dir", str(run)],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.parametrize(("lost", "signal_"), [(1, signal.SIGKILL), (0, signal.SIGKILL), (1, signal.SIGSTOP)])
def test_the_other_ends_within_the_stated_time_and_names_it(run: Path, lost: int, signal_: signal.Signals) -> None:
    port = 29600 + os.getpid() % 300
    launchers = [launch(run, rank, port) for rank in (0, 1)]
    try:
        wait(lambda: list(run.glob("checkpoints/*")), 90)
        workers = [children(launcher.pid)[0] for launcher in launchers]
        if signal_ == signal.SIGKILL:
            os.kill(launchers[lost].pid, signal.SIGKILL)  # the whole node is gone
        os.kill(workers[lost], signal_)
        began = time.monotonic()
        _, errors = launchers[1 - lost].communicate(timeout=90)
        assert time.monotonic() - began < 60
        told = [line for line in errors.splitlines() if line.startswith("error: ")]
        assert len(told) == 1
        assert f"rank {lost} (" in told[0]
        assert "goes on from the last checkpoint" in told[0]
        wait(lambda: not children(launchers[1 - lost].pid), 10)
    finally:
        for launcher in launchers:
            for child in (*children(launcher.pid), launcher.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            launcher.wait()


def test_wherever_one_stop_signal_arrives_all_stop_after_the_same_round(run: Path) -> None:
    port = 29600 + os.getpid() % 300
    launchers = [launch(run, rank, port) for rank in (0, 1)]
    wait(lambda: list(run.glob("checkpoints/*")), 90)
    os.kill(children(launchers[1].pid)[0], signal.SIGUSR1)
    for launcher in launchers:
        _, errors = launcher.communicate(timeout=60)
        assert launcher.returncode == 0, errors
    assert progan("status", run).out.startswith("stopped by SIGUSR1 at ")


def test_ctrl_c_of_a_launcher_saves_though_it_is_passed_on_a_second_time(run: Path) -> None:
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "pipelines.train"]
    launcher = subprocess.Popen(
        [
            sys.executable,
            *command,
            str(run.with_name("tiny.yaml")),
            "--run-dir",
            str(run),
            "cadence.checkpoint_kimg=1e6",
        ],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    wait(lambda: (run / "stats.jsonl").exists(), 90)
    for process in [*children(launcher.pid) * 2, launcher.pid]:
        os.kill(process, signal.SIGINT)
        time.sleep(0.02)
    launcher.wait(60)
    status = json.loads((run / "status.json").read_text())
    assert (status["state"], status["signal"]) == ("stopped", "SIGINT")
    assert status["images_seen"] > 0


def test_those_that_wait_are_not_blamed() -> None:
    watch = Watch(World(), lambda message: None, patience=100)
    watch._seen = [_Signs() for _ in range(3)]
    for rank, (signs, arrivals) in enumerate(zip(watch._seen, (7, 6, 7), strict=True)):
        signs.note(f"1 {arrivals} 0 host{rank}", 1000.0)
    for signs in watch._seen:
        signs.shown = 1101.0
    assert watch._verdict(1099.0) == ""
    assert watch._verdict(1101.0) == "rank 1 (host1) is standing still for 100 s"
    watch._seen[1].note("2 6 1 host1", 1110.0)  # it measures something
    assert watch._verdict(1115.0) == ""
    assert watch._verdict(1122.0) == "ranks 0 (host0), 2 (host2) are gone: no sign of life for 20 s"

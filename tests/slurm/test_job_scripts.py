"""The scripts of slurm/, on a real Slurm: limits, a dead node, the end of the user's patience."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from conftest import ROOT, Cluster
from safetensors.torch import load_file

from progan.rundir import RunDirectory

TINY = {
    "seed": 1,
    "system": {"latent_dim": 32, "maps_base": 128, "maps_max": 32, "loss": {"name": "wgan-gp"}},
    "schedule": {"resolution": 8, "stable_kimg": 20, "fade_kimg": 10, "batch": {4: 16, 8: 16}},
    "cadence": {"tick_kimg": 0.25, "checkpoint_kimg": 2},
    "evaluation": {"metrics": []},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY | {"data": {"path": str(tmp_path / "data")}}))
    return path


def prepare(config: Path, resolution: int = 8) -> None:
    out = yaml.safe_load(config.read_text())["data"]["path"]
    command = [sys.executable, "-m", "pipelines", "prepare", "synthetic", "--out", out]
    subprocess.run(
        [*command, "--resolution", str(resolution), "--limit", "128"], cwd=ROOT, check=True, capture_output=True
    )


def seen(run: Path) -> int:
    """Images of the last line of statistics."""
    records = RunDirectory(run).read_stats() if (run / "stats.jsonl").exists() else []
    return records[-1]["images_seen"] if records else 0


def logs(run: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(run.glob("*.log")))


def trainers(cluster: Cluster) -> str:
    """Processes of a training that are left on the nodes."""
    return "".join(cluster.node("exec", f"node{number}", "pgrep", "-f", "pipelines.train") for number in (1, 2, 3))


def test_the_scripts_are_clean() -> None:
    scripts = sorted([*ROOT.glob("slurm/*.sh"), *ROOT.glob("slurm/*.sbatch")])
    done = subprocess.run(
        [Path(sys.executable).with_name("shellcheck"), "-x", *scripts],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_quickstart_goes_through_time_limits_to_the_end(cluster: Cluster, tmp_path: Path) -> None:
    """Two nodes of one process, limits of two minutes; one process alone that is never disturbed; bit for bit."""
    run, alone = tmp_path / "run", tmp_path / "alone"
    settings = ["configs/quickstart.yaml", f"data.path={tmp_path / 'data'}", "evaluation.metrics=[]"]
    cluster.site(NODES=2, PROCESSES=1, CPUS=1, TIME=2, WARNING=30)
    options = "--resolution 32 --limit 1000 --workers 2"
    jobs = cluster.submit("--source", "synthetic", "--prepare", options, settings[0], run, *settings[1:])
    assert list(jobs) == ["prepare", "train", "evaluate", "report"]
    cluster.wait(lambda: cluster.state(jobs["report"]) in ("COMPLETED", "CANCELLED", "FAILED"), 1500)
    assert cluster.state(jobs["report"]) == "COMPLETED", logs(run)
    assert cluster.restarts(jobs["train"]) >= 2
    assert (run / "report.html").exists()
    # The same parts of a batch, summed in the same order, in one process with as many threads.
    parts = "optim.max_images_per_process={4: 8, 8: 8, 16: 8, 32: 8}"
    command = [sys.executable, "-m", "pipelines", "train", *settings, parts, "--run", str(alone)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    assert [r["images_seen"] for r in RunDirectory(run).read_stats()][-1] == seen(alone)
    expected, found = (load_file(RunDirectory(path).checkpoints()[-1]) for path in (alone, run))
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_a_node_that_dies_is_replaced(cluster: Cluster, config: Path, tmp_path: Path) -> None:
    prepare(config)
    run = tmp_path / "run"
    cluster.site(NODES=2, PROCESSES=1, CPUS=1, TIME=20)
    job = cluster.submit(config, run)["train"]
    cluster.wait(lambda: bool(RunDirectory(run).checkpoints()), 120)
    nodes = cluster.head("squeue", "--noheader", "--job", job, "--format=%N")
    assert "node[1-2]" in nodes
    cluster.node("kill", "node2")
    try:
        cluster.wait(lambda: cluster.restarts(job) == 1 and f"going on from {run}" in logs(run), 120)
        resumed = int(RunDirectory(run).checkpoints()[-1].stem)
        cluster.wait(lambda: seen(run) > resumed + 1000, 120)
        assert resumed >= 2000
        assert "node2" not in cluster.head("squeue", "--noheader", "--job", job, "--format=%N")
        cluster.head("scancel", job)
        cluster.wait(lambda: cluster.state(job) == "CANCELLED" and not trainers(cluster), 60)
    finally:
        cluster.node("start", "node2")
        cluster.wait(lambda: "down" not in cluster.head("sinfo"), 60)


def test_a_preempted_job_saves_and_goes_on(cluster: Cluster, config: Path, tmp_path: Path) -> None:
    prepare(config)
    run = tmp_path / "run"
    cluster.site(NODES=2, PROCESSES=1, CPUS=1, TIME=20)
    job = cluster.submit(config, run, "cadence.checkpoint_kimg=1000")["train"]
    cluster.wait(lambda: seen(run) > 500, 120)
    cluster.head("scontrol", "requeue", job)
    cluster.wait(lambda: cluster.restarts(job) == 1 and f"going on from {run}" in logs(run), 240)
    resumed = int(RunDirectory(run).checkpoints()[0].stem)  # which only the signal can have written
    assert resumed > 500
    cluster.wait(lambda: seen(run) > resumed, 60)


def test_snapshots_are_measured_by_jobs_while_training_goes_on(cluster: Cluster, config: Path, tmp_path: Path) -> None:
    """And the shards are read from each node's own disk."""
    run, scratch = tmp_path / "run", tmp_path / "scratch"
    schedule = {"start_resolution": 16, "resolution": 16, "stable_kimg": 40, "batch": {16: 16}}
    evaluation = {"metrics": ["msssim1k"], "every_kimg": 4}
    settings = yaml.safe_load(config.read_text()) | {"schedule": schedule, "evaluation": evaluation}
    config.write_text(yaml.safe_dump(settings))
    prepare(config, 16)
    cluster.site(NODES=1, PROCESSES=1, CPUS=1, TIME=20, EVALUATION_CHECK=3, SCRATCH=scratch)
    jobs = cluster.submit(config, run)
    cluster.wait(lambda: any(r["images_seen"] for r in RunDirectory(run).read_metrics()), 200)
    assert cluster.state(jobs["train"]) == "RUNNING"
    cluster.wait(lambda: cluster.state(jobs["report"]) == "COMPLETED", 600)
    measured = [record["images_seen"] for record in RunDirectory(run).read_metrics()]
    assert sorted(measured) == [0, *range(4000, 40001, 4000)]
    assert len((run / "slurm-evaluations").read_text().splitlines()) >= 2
    assert list(scratch.rglob("*.tar"))


def test_scancel_ends_it_for_good_with_its_state_saved(cluster: Cluster, config: Path, tmp_path: Path) -> None:
    prepare(config)
    run = tmp_path / "run"
    cluster.site(NODES=2, PROCESSES=2, CPUS=1, TIME=20)
    jobs = cluster.submit(config, run)
    cluster.wait(lambda: seen(run) > 500, 120)
    cluster.head("scancel", jobs["train"])
    cluster.wait(lambda: cluster.state(jobs["train"]) == "CANCELLED" and not trainers(cluster), 60)
    assert RunDirectory(run).checkpoints(), logs(run)
    cluster.wait(lambda: cluster.state(jobs["report"]) in ("CANCELLED", "NONE"), 60)
    assert not cluster.head("squeue", "--noheader").strip()


def test_a_mistake_is_not_repeated(cluster: Cluster, config: Path, tmp_path: Path) -> None:
    """The set of data.path is missing: one line, and no requeue."""
    run = tmp_path / "run"
    cluster.site(NODES=2, PROCESSES=1, CPUS=1, TIME=20)
    job = cluster.submit(config, run)["train"]
    cluster.wait(lambda: cluster.state(job) == "FAILED", 120)
    assert cluster.restarts(job) == 0
    errors = [line for line in logs(run).splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert f"{tmp_path / 'data'}: not a prepared set" in errors[0]


def test_starts_without_progress_are_given_up(cluster: Cluster, config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "slurm-starts").write_text("0 2\n")  # twice at 0 images already
    cluster.site(MAX_STALLS=3)
    job = cluster.submit(config, run)["train"]
    cluster.wait(lambda: cluster.state(job) == "FAILED", 60)
    assert "started 3 times at 0 images without a new checkpoint" in logs(run)

"""Two real processes train the same network as one, up to the order of floating-point sums."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from progan_command import progan
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
LAUNCHERS = {
    "python": [],
    "torchrun": ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"],
    "accelerate": [
        *("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"),
        *("--mixed_precision", "no", "--dynamo_backend", "no"),
    ],
    "accelerate-file": ["-m", "accelerate.commands.launch", "--config_file", "accelerate.yaml"],
}
ACCELERATE = {
    "compute_environment": "LOCAL_MACHINE",
    "distributed_type": "MULTI_GPU",
    "num_machines": 1,
    "num_processes": 2,
    "mixed_precision": "no",
    "use_cpu": False,
}
CONFIG: dict[str, Any] = {
    "system": {"latent_dim": 8, "maps_base": 32, "maps_max": 8, "loss": {"name": "wgan-gp"}},
    "schedule": {"resolution": 8, "stable_kimg": 0.064, "fade_kimg": 0.064},
    "cadence": {"tick_kimg": 0.032, "checkpoint_kimg": 0.064},
    "evaluation": {"metrics": []},
}


def _config(folder: Path, batch: dict[int, int]) -> Path:
    prepare = ["prepare", "synthetic", "--out", folder / "data", "--resolution", 8, "--limit", 64, "--workers", 1]
    progan(*prepare)
    path = folder / "tiny.yaml"
    settings = CONFIG | {"schedule": CONFIG["schedule"] | {"batch": batch}, "data": {"path": str(folder / "data")}}
    path.write_text(yaml.safe_dump(settings))
    return path


def _launch(launcher: str, config: Path, run: Path) -> subprocess.CompletedProcess[str]:
    (config.parent / "accelerate.yaml").write_text(yaml.safe_dump(ACCELERATE))
    command = [sys.executable, *LAUNCHERS[launcher], "-m", "pipelines.train", str(config), "--run-dir", str(run)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=config.parent, env=environment, capture_output=True, text=True, timeout=180)


def test_two_processes_train_what_one_trains_through_a_fade(tmp_path: Path) -> None:
    config = _config(tmp_path, {4: 16, 8: 8})
    states = []
    for launcher in LAUNCHERS:
        run = tmp_path / launcher
        done = _launch(launcher, config, run)
        assert done.returncode == 0, done.stderr
        states.append(load_file(run / "checkpoints" / "000000192.safetensors"))
    for name, tensor in states[0].items():
        for other in states[1:]:
            torch.testing.assert_close(other[name], tensor, rtol=1e-3, atol=1e-4)


def test_a_batch_that_cannot_be_shared_ends_all_processes_with_one_line(tmp_path: Path) -> None:
    done = _launch("torchrun", _config(tmp_path, {4: 16, 8: 4}), tmp_path / "run")
    assert done.returncode != 0
    assert done.stderr.count("4 is not a multiple of 8 (2 processes x groups of 4") == 1


def test_a_sample_altered_on_disk_ends_all_processes_with_its_shard_named(tmp_path: Path) -> None:
    config = _config(tmp_path, {4: 16, 8: 8})
    shard = next((tmp_path / "data" / "r0008").glob("*.tar"))
    data = bytearray(shard.read_bytes())
    data[700] ^= 1  # inside the pixels of the first sample: one rank alone reads it
    shard.write_bytes(data)
    done = _launch("torchrun", config, tmp_path / "run")
    assert done.returncode != 0
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "rank " in errors[0]
    assert str(shard) in errors[0]

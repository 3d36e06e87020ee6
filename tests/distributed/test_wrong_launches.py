"""Ways of launching that would silently train something else are refused: one line, on one rank, and all leave."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from progan_command import progan

ROOT = Path(__file__).parents[2]
TRAIN = ["-m", "pipelines.train", "configs/quickstart.yaml"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
ACCELERATE = ["-m", "accelerate.commands.launch", "--num_machines", "1", "--dynamo_backend", "no"]
TWO = ["--num_processes", "2"]


def errors(command: list[str], environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode != 0
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("faces") / "set"
    command = ["prepare", "synthetic", "--out", str(out), "--resolution", "32", "--limit", "4", "--workers", "1"]
    progan(*command)
    return out


@pytest.mark.parametrize(
    ("command", "environment", "message"),
    [
        # It starts one process, whatever --num_processes says.
        ([*ACCELERATE, "--cpu", *TWO, "--mixed_precision", "no", *TRAIN], {}, "error: MASTER_ADDR: set, but without"),
        (TRAIN, {"WORLD_SIZE": "2"}, "error: WORLD_SIZE: Tried to launch on distributed"),
        # srun --ntasks 2 python -m pipelines.train
        (TRAIN, {"SLURM_STEP_NUM_TASKS": "2"}, "error: SLURM_STEP_NUM_TASKS: srun started several tasks"),
        ([*TRAIN, "--processes", "2"], {}, "error: --processes: 1 of 2 processes were launched"),
        (
            [*ACCELERATE, "--multi_gpu", *TWO, "--mixed_precision", "bf16", *TRAIN],
            {"ACCELERATE_USE_CPU": "true"},
            "error: optim.precision: fp32, but the launcher says bf16",
        ),
        (
            [*TORCHRUN, *TRAIN, "optim.precision=fp16"],
            {"ACCELERATE_USE_CPU": "true"},
            "error: optim.precision: fp16 needs a GPU",
        ),
    ],
)
def test_it_is_refused(
    command: list[str], environment: dict[str, str], message: str, faces: Path, tmp_path: Path
) -> None:
    found = errors([*command, f"data.path={faces}", "--run-dir", str(tmp_path / "run")], environment)
    assert len(found) == 1
    assert found[0].startswith(message)
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_process_that_stays_alone_does_not_wait_for_ever(rank: str, tmp_path: Path) -> None:
    code = "import sys; from datetime import timedelta; import pipelines.launch; from pipelines.__main__ import main\n"
    code += "pipelines.launch.PATIENCE = timedelta(seconds=2); main(sys.argv[1:])"
    launcher = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29533"}
    found = errors(["-c", code, "train", *TRAIN[2:], "--run-dir", str(tmp_path / "run")], launcher)
    assert len(found) == 1
    assert found[0].startswith("error: not all of 2 processes met within 2 s: ")

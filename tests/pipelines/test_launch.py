"""What a launcher and a device give a training to start with."""

import pytest
import torch
from progan_command import refused

from pipelines.launch import product_seconds, require_a_gpu_each, require_no_gpu_given, slow_precision
from pipelines.launcher import is_main_process
from progan.types import ConfigError


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has instructions for it")
@pytest.mark.parametrize(
    ("precision", "bf16", "fp32", "told"),
    [("bf16", 3.0, 1.0, True), ("bf16", 0.5, 1.0, False), ("fp32", 3.0, 1.0, False)],
)
def test_a_precision_that_is_slower_than_fp32_is_told(precision: str, bf16: float, fp32: float, told: bool) -> None:
    seconds = {torch.bfloat16: bf16, torch.float32: fp32}
    note = slow_precision(precision, lambda dtype: seconds[dtype])  # type: ignore[arg-type]
    assert (note is not None) is told


@pytest.mark.parametrize(
    ("precision", "capability", "told"), [("fp32", 8, True), ("bf16", 8, False), ("fp32", 7, False)]
)
def test_tensor_cores_that_are_not_used_are_told(
    monkeypatch: pytest.MonkeyPatch, precision: str, capability: int, told: bool
) -> None:
    monkeypatch.setattr("pipelines.launch.has_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (capability, 0))
    assert (slow_precision(precision) is not None) is told  # type: ignore[arg-type]


def test_processes_do_not_share_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    require_a_gpu_each(4, 4)
    for gpus in (1, 2):
        with pytest.raises(ConfigError, match=f"4 processes on a machine with {gpus} GPUs; launch one for each"):
            require_a_gpu_each(4, gpus)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")  # of each its own
    require_a_gpu_each(4, 1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch sees a GPU")
def test_a_job_with_gpus_that_torch_does_not_see_is_not_trained_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    monkeypatch.setenv("SLURM_GPUS_ON_NODE", "0")
    require_no_gpu_given()
    monkeypatch.setenv("SLURM_GPUS_ON_NODE", "4")
    with pytest.raises(ConfigError, match=r"^SLURM_GPUS_ON_NODE: the job has GPUs, but torch .* sees none"):
        require_no_gpu_given()
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    require_no_gpu_given()


def test_products_take_time_in_both() -> None:
    assert min(map(product_seconds, (torch.bfloat16, torch.float32))) > 0


@pytest.mark.parametrize("name", ["WORLD_SIZE", "RANK", "LOCAL_WORLD_SIZE", "SLURM_NTASKS_PER_NODE"])
def test_a_launcher_s_number_that_is_none_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "two")
    assert f"{name}: 'two' in the environment is no number" in refused("compare", "here", "there", "swd1k")


def test_a_rank_that_was_left_in_the_environment_silences_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert is_main_process()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not is_main_process()
    monkeypatch.setenv("RANK", "")
    assert is_main_process()

"""1, 2 and 4 processes, whole shares or parts, train the same networks up to the order of floating-point sums."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).with_name("worker.py")
LOSSES = ("wgan-gp", "logistic-r1")
# Sums in another order differ in the last bits; Adam divides by the gradients' own size, so after 14 rounds a weight
# whose gradients nearly vanish differs by up to a few thousandths of the learning rate's steps.
TOLERANCE = {"rtol": 1e-3, "atol": 2e-4}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    jobs = ["1:agreement", "2:agreement", "4:agreement", "1:going_on", "4:going_on", "1:family", "2:family"]
    command = [sys.executable, str(WORKER), str(folder), *jobs, "2:drift", "1:measure", "3:measure"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


def compare(one: Path, other: Path) -> None:
    expected, found = load_file(one), load_file(other)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, **TOLERANCE, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("other", ["parts-1", "whole-2", "parts-2", "whole-4"])
def test_weights_and_losses_are_those_of_one_process(trained: Path, loss: str, other: str) -> None:
    compare(trained / f"{loss}-whole-1.safetensors", trained / f"{loss}-{other}.safetensors")
    expected, found = (json.loads((trained / f"{loss}-{name}.json").read_text()) for name in ("whole-1", other))
    assert len(expected) == len(found) == 14
    for one, two in zip(expected, found, strict=True):
        assert two == pytest.approx(one, rel=2e-3, abs=2e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_checkpoint_of_two_processes_goes_on_with_one_or_four(trained: Path, loss: str) -> None:
    for processes in (1, 4):
        compare(trained / f"{loss}-whole-1.safetensors", trained / f"{loss}-on-{processes}.safetensors")
        asked = json.loads((trained / f"{loss}-on-{processes}.json").read_text())
        assert asked == [[8, position, 16] for position in range(112, 224, 16)]


def test_labelled_batches_are_shared_like_others_and_ranks_that_normalise_their_own_share_agree(trained: Path) -> None:
    for name in ("semi-supervised", "progan"):
        compare(trained / f"{name}-1.safetensors", trained / f"{name}-2.safetensors")
    assert (trained / "dcgan-2.safetensors").exists()  # after every round both compared their weights


def test_a_rank_with_other_weights_is_named_on_all(trained: Path) -> None:
    told = {(trained / f"rank-{rank}").read_text() for rank in (0, 1)}
    assert len(told) == 1
    assert "rank 1 holds other weights than rank 0 at 128 images" in told.pop()


def test_metrics_are_the_same_numbers_with_any_number_of_processes(trained: Path) -> None:
    alone, shared = (json.loads((trained / f"metrics-{processes}.json").read_text()) for processes in (1, 3))
    assert alone == shared
    assert alone[0] == alone[1]
    assert [metric.partition("150")[0] for metric, _, _ in alone[0]] == [
        "swd",
        "msssim",
        "fd",
        "cs",
        "precision",
        "recall",
    ]


@pytest.mark.parametrize("loss", LOSSES)
def test_two_processes_equal_one_with_two_parts_bit_for_bit(trained: Path, loss: str) -> None:
    alone, shared = (load_file(trained / f"{loss}-{name}.safetensors") for name in ("halves-1", "whole-2"))
    assert all(torch.equal(shared[name], tensor) for name, tensor in alone.items())

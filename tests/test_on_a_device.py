"""The checks on a pretended device, in a process of their own: torch asks once, at the first backward pass, which
devices there are."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKS = sorted((Path(__file__).parent / "on_a_device").glob("check_*.py"))


def test_there_are_checks_of_training_and_metrics() -> None:
    assert [path.stem for path in CHECKS] == ["check_metrics", "check_training"]


@pytest.mark.parametrize("path", CHECKS, ids=lambda path: path.stem)
def test_checks_on_a_pretended_device(path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout

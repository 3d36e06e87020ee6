"""The system that CONTRIBUTING.md adds as an example: no line of the engine changes, and every stage takes it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from progan.rundir import RunDirectory

ROOT = Path(__file__).parents[2]
RUN = "runs/least-squares"


@pytest.fixture(scope="module")
def patch() -> str:
    found = re.search(r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def patched(patch: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with the example's changes, and painted faces beside it."""
    folder = tmp_path_factory.mktemp("patched")
    for name in ("progan", "pipelines", "configs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "apply", "-"], input=patch, text=True, cwd=folder, check=True)
    _progan(folder, "prepare", "synthetic", "--limit", "32", "--resolution", "28", "--out", "datasets/faces")
    return folder


def _progan(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pipelines", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _train(folder: Path) -> None:
    short = ["data.path=datasets/faces", "schedule.batch=8", "schedule.total_kimg=0.032", "cadence.tick_kimg=0.008"]
    _progan(folder, "train", "configs/least-squares.yaml", "--run", RUN, *short, "evaluation.metrics=[]")


def test_the_example_changes_no_file_but_the_tables_and_adds_a_system_and_its_config(patch: str) -> None:
    changed = dict(re.findall(r"^diff --git a/(\S+) .*\n(new file|---)", patch, re.MULTILINE))
    assert changed == {
        "configs/least-squares.yaml": "new file",
        "progan/systems/least_squares.py": "new file",
        "progan/systems/settings/__init__.py": "---",
        "progan/systems/settings/least_squares.py": "new file",
        "progan/systems/table.py": "---",
    }


def test_the_example_is_trained_evaluated_walked_and_reported_by_the_same_stages(patched: Path) -> None:
    _train(patched)
    run = RunDirectory(patched / RUN)
    assert set(run.read_stats()[-1]["losses"]) == {"discriminator/least_squares", "generator/least_squares"}
    assert "msssim" in _progan(patched, "evaluate", RUN, "msssim1k")
    _progan(patched, "walk", RUN, "--out", "walk.png")
    _progan(patched, "report", RUN)
    assert "least_squares" in (patched / RUN / "report.html").read_text()
    assert (patched / "walk.png").exists()

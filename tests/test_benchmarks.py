"""The measurements start, as their documents call them: each imports what it measures."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if 'if __name__ == "__main__":' in path.read_text())


def test_there_are_measurements_of_rounds_data_and_metrics() -> None:
    assert {"step", "scaling", "data", "metrics", "inference"} <= set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_measurement_starts(name: str) -> None:
    subprocess.run([sys.executable, FOLDER / f"{name}.py", "--help"], check=True, capture_output=True)


def test_what_the_model_of_many_processes_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the published networks at 4 px."""
    monkeypatch.syspath_prepend(FOLDER)
    import scaling

    flops, gradients = scaling.counted(4)
    assert gradients == pytest.approx(52.5e6, rel=0.01)
    assert 1e9 < flops < 2e9

"""The measurements start: each imports what it measures."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if 'if __name__ == "__main__":' in path.read_text())


def test_there_are_measurements_of_rounds_data_and_metrics() -> None:
    assert {"step", "scaling", "data", "metrics", "inference"} <= set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_measurement_starts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    assert callable(runpy.run_path(str(FOLDER / f"{name}.py"))["main"])

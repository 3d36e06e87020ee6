"""The tiny run, trained once for all tests that look at it."""

from pathlib import Path

import pytest
import yaml
from tiny_run import TINY, progan_process


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    progan_process("prepare", "synthetic", "--out", folder / "data", "--resolution", 16, "--limit", 1100)
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY | {"data": {"path": str(folder / "data")}}))
    return path


@pytest.fixture(scope="session")
def run(config: Path) -> Path:
    directory = config.parent / "undisturbed"
    progan_process("train", config, "--run", directory)
    return directory

"""The tiny run, trained once for all tests that look at it."""

from pathlib import Path

import pytest
import yaml
from progan_command import progan
from tiny_run import TINY, train


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    size = ("--resolution", 16, "--limit", 1100, "--workers", 1)
    progan("prepare", "synthetic", "--out", folder / "data", *size)
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY | {"data": {"path": str(folder / "data")}}))
    return path


@pytest.fixture(scope="session")
def run(config: Path) -> Path:
    directory = config.parent / "undisturbed"
    train(config, directory)
    return directory

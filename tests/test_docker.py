"""What can be seen of the image without building it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the image has Python 3.11; tomllib is not older")
def test_the_pinned_versions_are_those_that_pyproject_allows_and_none_is_forgotten() -> None:
    lines = (ROOT / "docker" / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    command = [sys.executable, "docker/requirements.py", "parquet", "http"]
    required = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for requirement in map(Requirement, required):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def test_what_the_dockerfile_copies_is_let_through() -> None:
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    copied = [path for line in lines if line.startswith("COPY") for path in line.split()[1:-1]]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for path in copied:
        assert (ROOT / path).exists()
        assert f"!{path}" in ignored


def test_the_services_say_what_the_commands_know() -> None:
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]
    assert services["train"]["command"][0] == "train"
    on_gpus = yaml.safe_load((ROOT / "docker" / "compose.gpu.yaml").read_text())["services"]
    assert on_gpus.keys() <= services.keys()

"""Large tensors of every stage are asked for in large pages; who has set it otherwise is left alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# "hg" in a row of flags: the system was asked for large pages there.
CODE = """
from pathlib import Path
import pipelines.train, torch
held = torch.ones(2**24)
rows = [row.split() for row in Path("/proc/self/smaps").read_text().splitlines() if row.startswith("VmFlags:")]
print(any("hg" in row for row in rows))
"""


@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage/enabled").exists(), reason="this system has no large pages"
)
@pytest.mark.parametrize(("setting", "asked"), [({}, "True"), ({"THP_MEM_ALLOC_ENABLE": "0"}, "False")])
def test_they_are_asked_for_unless_the_user_says_otherwise(setting: dict[str, str], asked: str) -> None:
    rest = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, cwd=ROOT, env=rest | setting, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == asked

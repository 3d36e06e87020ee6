"""How every stage asks the system for memory; who has set it otherwise is left alone."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import pipelines

ROOT = Path(__file__).parents[2]
# "hg" in a row of flags: the system was asked for large pages there.
LARGE_PAGES = """
from pathlib import Path
import pipelines.train, torch
held = torch.ones(2**24)
rows = [row.split() for row in Path("/proc/self/smaps").read_text().splitlines() if row.startswith("VmFlags:")]
print(any("hg" in row for row in rows))
"""
FREED = """
import pipelines.train, torch
from pipelines.device import main_memory
held = [torch.ones(2**22) for _ in range(12)]
most = main_memory()
held.clear()
print(main_memory() > most - 6 * 2**24)
"""


def run(code: str, setting: dict[str, str]) -> str:
    """What the code prints where of all these variables only those of `setting` are set."""
    names = {"THP_MEM_ALLOC_ENABLE", *pipelines.SET_BY_USERS}
    rest = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=rest | setting, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage/enabled").exists(), reason="this system has no large pages"
)
@pytest.mark.parametrize(("setting", "asked"), [({}, "True"), ({"THP_MEM_ALLOC_ENABLE": "0"}, "False")])
def test_large_tensors_are_in_large_pages(setting: dict[str, str], asked: str) -> None:
    assert run(LARGE_PAGES, setting) == asked


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not the GNU C library")
@pytest.mark.parametrize(("setting", "kept"), [({}, "True"), ({"MALLOC_TRIM_THRESHOLD_": "131072"}, "False")])
def test_what_smaller_tensors_leave_is_kept_for_the_next_ones(setting: dict[str, str], kept: str) -> None:
    """Of 12 tensors of 16 MiB more than half."""
    assert run(FREED, setting) == kept

"""A real Slurm of four namespaces on this machine: a head and three nodes. `make test-slurm` asks for it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTBED = Path(__file__).parent / "testbed"


class Cluster:
    """Commands on the head, and faults of the nodes."""

    def __init__(self, folder: Path) -> None:
        """folder: for the site's settings; all nodes see it."""
        self._site = folder / "site.sh"
        self._environment = os.environ | {"PROGAN_SITE": str(self._site)}

    def site(self, **facts: object) -> None:
        """Change what stands in slurm/site.sh."""
        lines = [f". {ROOT}/slurm/site.sh", *(f"{name}={value}" for name, value in facts.items())]
        lines += [f"setup() {{ export PATH={Path(sys.executable).parent}:$PATH PYTHONPATH={ROOT}; }}"]
        self._site.write_text("\n".join(lines) + "\n")

    def head(self, *command: object, check: bool = True) -> str:
        done = subprocess.run(
            [TESTBED / "slurm-exec", *map(str, command)],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def node(self, action: str, name: str, *command: str) -> str:
        done = subprocess.run([TESTBED / "slurm-node", action, name, *command], capture_output=True, text=True)
        return done.stdout

    def submit(self, *arguments: object) -> dict[str, str]:
        """Stage -> job, of slurm/submit.sh."""
        return dict(line.split() for line in self.head("slurm/submit.sh", *arguments).splitlines())

    def state(self, job: str) -> str:
        """As squeue names it; NONE once Slurm has forgotten it."""
        facts = self.head("scontrol", "show", "job", job, check=False).split()
        return next((fact.removeprefix("JobState=") for fact in facts if fact.startswith("JobState=")), "NONE")

    def restarts(self, job: str) -> int:
        facts = self.head("scontrol", "show", "job", job).split()
        return int(next(fact for fact in facts if fact.startswith("Restarts=")).removeprefix("Restarts="))

    def wait(self, what: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, f"nothing happened in {seconds} s: {self.head('squeue')}"
            time.sleep(0.5)


@pytest.fixture(scope="session")
def _testbed() -> Iterator[None]:
    if not os.environ.get("PROGAN_TEST_SLURM"):
        pytest.skip("a real Slurm is brought up by: make test-slurm")
    if os.geteuid() != 0:
        pytest.skip("the testbed needs root, for namespaces")
    up = subprocess.run([TESTBED / "slurm-up"], capture_output=True, text=True, check=False)
    assert up.returncode == 0, up.stdout + up.stderr
    yield
    subprocess.run([TESTBED / "slurm-down"], capture_output=True, check=False)


@pytest.fixture
def cluster(_testbed: None, tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path)
    found.site()
    yield found
    found.head("scancel", "--user", "root", check=False)
    found.wait(lambda: not found.head("squeue", "--noheader").strip(), 60)

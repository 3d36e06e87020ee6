"""What torch.compile makes for a run serves the run's next process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.launch import keep_compiled

ROOT = Path(__file__).parents[2]
VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
COMPILED = """
import sys
from pathlib import Path
import torch
import pipelines.train  # torch chooses its folder as soon as torch._dynamo is imported: not by this
from pipelines.launch import keep_compiled

keep_compiled(Path(sys.argv[1]))
from torch._dynamo.utils import counters

torch.compile(lambda x: x @ x)(torch.ones(4, 4))  # a product: nothing for a C++ compiler
print(counters["inductor"]["fxgraph_cache_miss"], counters["inductor"]["fxgraph_cache_hit"])
"""


def test_the_second_process_finds_what_the_first_has_made(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    command = [sys.executable, "-c", COMPILED, str(tmp_path / "compiled")]
    said = [subprocess.check_output(command, cwd=ROOT, env=environment, text=True).split() for _ in range(2)]
    assert said == [["1", "0"], ["0", "1"]]
    assert (tmp_path / "compiled" / "fxgraph").is_dir()


def test_a_folder_that_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, "mine")
    keep_compiled(tmp_path)
    assert os.environ[VARIABLE] == "mine"

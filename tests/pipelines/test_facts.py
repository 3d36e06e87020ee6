"""The command that a run remembers."""

from pathlib import Path

import pytest

from pipelines.facts import command
from progan.distributed.world import World


@pytest.mark.parametrize(
    ("world", "run", "said"),
    [
        (World(), None, "progan train a.yaml 'optim={lr: 1}'"),
        (World(), Path("my run"), "progan train a.yaml 'optim={lr: 1}' --run 'my run'"),
        (
            World(1, 2, 2),
            Path("run"),
            "torchrun --nproc_per_node 2 -m pipelines.train a.yaml 'optim={lr: 1}' --run-dir run",
        ),
        (World(5, 8, 4), None, "torchrun --nnodes 2 --nproc_per_node 4 -m pipelines.train a.yaml 'optim={lr: 1}'"),
    ],
)
def test_it_starts_the_same_training_however_it_was_launched(world: World, run: Path | None, said: str) -> None:
    assert command(Path("a.yaml"), ["optim={lr: 1}"], run, world) == said

"""Every system's configs through the one engine: a few rounds, a checkpoint in between, the same weights after it."""

from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import pytest
import torch
from torch import Tensor

from progan.config import load
from progan.distributed.world import World
from progan.engine.checkpoint import load_checkpoint, save_checkpoint
from progan.engine.rounds import Rules
from progan.engine.snapshot import load_snapshot, save_snapshot
from progan.engine.tally import tally
from progan.engine.train import Training, start, train
from progan.random import generator
from progan.sampling.generate import image_sequence
from progan.schedule import ConstantConfig, Schedule, constant
from progan.settings import Config, untrained_system
from progan.types import Batch, DataSpec

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).parents[2]
ALL = sorted((ROOT / "configs").rglob("*.yaml"))
CONFIGS = [
    path for path in ALL if path.stem != "quickstart" and (path.parent.name != "progan" or "attributes" in path.stem)
]
BATCH, ROUNDS = 8, 3
SCHEDULE_KIMG = BATCH * ROUNDS / 1000


@dataclass(frozen=True)
class MadeUpImages:
    """Real images, functions of their position, with labels of the kind that the data have."""

    data: DataSpec

    def batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        draw = generator(0, f"images-{resolution}", position)
        images = torch.randint(0, 256, (count, 3, resolution, resolution), dtype=torch.uint8, generator=draw)
        return Batch(images[part], self._labels(count)[part])

    def labelled_batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        return self.batch(resolution, position + 10**6, count, part)

    def _labels(self, count: int) -> Tensor:
        classes = self.data.num_classes
        if self.data.multilabel:
            return torch.arange(count * classes).view(count, classes) % 2
        return torch.arange(count) % classes if classes else torch.full((count,), -1)


def _data(config: Config, path: Path) -> DataSpec:
    """Of the kind that the config names: attributes, ten classes or none."""
    resolution = config.schedule.resolution
    sizes = tuple(size for size in (4, 8, 16, 32, 7, 14, 28) if resolution % size == 0)
    if config.system.name in ("vanilla", "dcgan"):
        return DataSpec(sizes, 64, (), "none")
    if "celeba" in path.stem:
        attributes = ("Smiling", "Male", "Eyeglasses")
        return DataSpec(sizes, 64, attributes, "none", combinations=("000", "100", "011"))
    return DataSpec(sizes, 64, tuple("0123456789"), "none")


@dataclass(frozen=True)
class Setup:
    config: Config
    data: DataSpec

    @property
    def schedule(self) -> Schedule:
        constant_config = ConstantConfig(
            resolution=self.config.schedule.resolution, batch=BATCH, total_kimg=SCHEDULE_KIMG
        )
        return constant(constant_config, self.config.optim.lr)

    def fresh(self) -> Training:
        return start(untrained_system(self.config, self.data), self.config.optim)

    def run(self, training: Training, rounds: int = ROUNDS) -> None:
        rules = Rules(0, self.config.optim, self.config.data.mirror, BATCH, World(), torch.device("cpu"))
        for tick in train(training, self.schedule, MadeUpImages(self.data), rules):
            assert all(torch.isfinite(torch.tensor(list(tick.losses.values()))))
            if tick.images_seen == rounds * BATCH:
                break


def _weights(training: Training) -> dict[str, Tensor]:
    networks = {"average": training.average, **training.system.networks}
    return {f"{role}.{name}": t.clone() for role, net in networks.items() for name, t in net.state_dict().items()}


def test_there_are_configs_of_every_system() -> None:
    assert {load(Config, path).system.name for path in CONFIGS} >= {
        *("vanilla", "dcgan", "conditional", "acgan", "gan-cls", "semi-supervised", "progan")
    }


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_its_header_says_command_cost_and_expected_result(path: Path) -> None:
    header = "".join(takewhile(lambda line: line.startswith("#"), path.read_text().splitlines(keepends=True)))
    assert all(f"\n# {field}:" in header for field in ("Command", "Cost", "Expected")), header
    assert str(path.relative_to(ROOT)) in header


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_it_trains_resumes_bit_for_bit_and_its_snapshot_draws_what_its_average_draws(
    path: Path, tmp_path: Path
) -> None:
    # A reference batch is of the first real images, and here these are few.
    config = load(Config, path, [f"system.networks.reference={BATCH}"] if "norm: virtual" in path.read_text() else [])
    setup = Setup(config, _data(config, path))
    undisturbed, first, second = setup.fresh(), setup.fresh(), setup.fresh()
    setup.run(undisturbed)
    setup.run(first, ROUNDS - 1)
    save_checkpoint(first, tmp_path / "checkpoint.safetensors")
    load_checkpoint(second, tmp_path / "checkpoint.safetensors")
    setup.run(second)
    expected = _weights(undisturbed)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in _weights(second).items())
    assert any(not torch.equal(tensor, expected[name]) for name, tensor in _weights(setup.fresh()).items())

    phase = setup.schedule(0)
    save_snapshot(undisturbed, setup.config.system, setup.data, phase, tmp_path / "snapshot.safetensors")
    loaded, system = load_snapshot(tmp_path / "snapshot.safetensors").system, undisturbed.system
    drawn, expected_images = (
        image_sequence(network, phase.resolution, 1, system.latents, system.labels)(0, 3)
        for network in (loaded.generator, undisturbed.average)
    )
    assert torch.equal(drawn, expected_images)


@pytest.mark.parametrize("path", {path.parent: path for path in CONFIGS}.values(), ids=lambda path: path.parent.name)
def test_its_rounds_can_be_counted_for_a_plan(path: Path) -> None:
    config = load(Config, path, [f"system.networks.reference={BATCH}"] if "norm: virtual" in path.read_text() else [])
    setup = Setup(config, _data(config, path))
    system = untrained_system(config, setup.data)
    counted = tally(system, config.optim, setup.schedule(0), setup.data)
    assert counted.flops > 2 * BATCH * sum(system.parameter_counts.values())

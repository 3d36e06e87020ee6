"""Training on a device beside the CPU: the same numbers, nothing left on the CPU, no needless waiting."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pretended_device import PretendedDevice
from tiny_run import TINY
from torch import Tensor

from progan.config import load, validate
from progan.distributed.world import World
from progan.engine.checkpoint import load_checkpoint, save_checkpoint
from progan.engine.rounds import Rules
from progan.engine.train import Tick, Training, is_finite, start, train
from progan.engine.trial import RandomImages
from progan.random import generator
from progan.schedule import ConstantConfig, Schedule, constant
from progan.settings import Config, make_schedule, untrained_system
from progan.systems.system import place
from progan.types import Batch, DataSpec

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
BATCH, ROUNDS = 8, 3
# One of each kind of network, and of each kind of term.
SYSTEMS = [
    "vanilla/mnist-maxout",
    "dcgan/mnist-1",
    "conditional/conditional-mnist",
    "acgan/acgan-mnist-weighted",
    "gan-cls/gan-cls-celeba-28",
    "improved/historical-averaging",
    "improved/virtual-batch-norm",
    "semi-supervised/mnist-100",
    "failures/non-convergence",
]
LABELS = tuple("0123456789")


class Images:
    """Noise, the same for the same position."""

    def __init__(self, data: DataSpec) -> None:
        self._random = RandomImages(data)

    def batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        draw, shape = generator(0, "images", position), (count, 3, resolution, resolution)
        images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=draw)
        return Batch(images[part], self._random.batch(resolution, position, count, part).labels)

    labelled_batch = batch


def _growing(**optim: Any) -> tuple[Config, DataSpec, Schedule]:
    config = validate(Config, TINY | {"data": {"path": "none"}, "optim": TINY["optim"] | optim})
    return config, DataSpec((4, 8, 16), 64, (), "none"), make_schedule(config)


def _constant(name: str) -> tuple[Config, DataSpec, Schedule]:
    small = ["system.networks.reference=8"] if name == "improved/virtual-batch-norm" else []
    config = load(Config, ROOT / "configs" / f"{name}.yaml", small)
    several = {"combinations": ("000", "100", "011")} if "celeba" in name else {}
    data = DataSpec((28,), 64, ("Smiling", "Male", "Hat") if several else LABELS, "none", **several)
    rounds = ConstantConfig(resolution=config.schedule.resolution, batch=BATCH, total_kimg=BATCH * ROUNDS / 1000)
    return config, data, constant(rounds, config.optim.lr)


def _fresh(config: Config, data: DataSpec, device: torch.device) -> Training:
    system = untrained_system(config, data)
    place(system, device)
    return start(system, config.optim)


def _ticks(
    training: Training, setup: tuple[Config, DataSpec, Schedule], device: torch.device, until: int
) -> list[Tick]:
    config, data, schedule = setup
    rules = Rules(0, config.optim, config.data.mirror, config.cadence.tick_images, World(), device)
    ticks = []
    for tick in train(training, schedule, Images(data), rules):
        ticks.append(tick)
        if tick.images_seen >= until:
            break
    return ticks


def _state(training: Training) -> dict[str, Tensor]:
    networks = {**training.system.networks, "average": training.average}
    return {
        f"{role}.{key}": held.cpu() for role, network in networks.items() for key, held in network.state_dict().items()
    }


def _assert_equal(first: Training, second: Training) -> None:
    stored = _state(second)
    for key, held in _state(first).items():
        assert torch.equal(held, stored[key]), key


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_trains_as_on_the_cpu_and_waits_once_a_tick(name: str, pretended: PretendedDevice) -> None:
    setup = _constant(name)
    config, data, _ = setup
    trainings = [_fresh(config, data, device) for device in (CPU, pretended.device)]
    _ticks(trainings[0], setup, CPU, until=BATCH * ROUNDS)
    pretended.waits.clear()
    ticks = _ticks(trainings[1], setup, pretended.device, until=BATCH * ROUNDS)
    assert {device.type for device in _devices(trainings[1])} == {pretended.device.type}
    calibrated = {"progan/engine/rounds.py: calibrate": 1} if trainings[1].system.calibrate else {}
    assert pretended.waits == {"progan/engine/train.py: close": len(ticks)} | calibrated
    _assert_equal(*trainings)


def _devices(training: Training) -> set[torch.device]:
    return {parameter.device for network in training.system.networks.values() for parameter in network.parameters()}


def test_networks_grow_as_on_the_cpu_and_a_checkpoint_goes_on(pretended: PretendedDevice, tmp_path: Path) -> None:
    setup = _growing()
    config, data, schedule = setup
    trainings = [_fresh(config, data, device) for device in (CPU, pretended.device)]
    grown = schedule.stages[1].start + 128
    _ticks(trainings[0], setup, CPU, until=grown)
    _ticks(trainings[1], setup, pretended.device, until=schedule.stages[1].start - 128)
    save_checkpoint(trainings[1], tmp_path / "state.safetensors")
    again = _fresh(config, data, pretended.device)
    load_checkpoint(again, tmp_path / "state.safetensors")
    pretended.waits.clear()
    ticks = _ticks(again, setup, pretended.device, until=grown)
    assert pretended.waits == {"progan/engine/train.py: close": len(ticks)}
    _assert_equal(trainings[0], again)


@pytest.mark.parametrize(
    ("precision", "loss"),
    [
        ("bf16", {"name": "wgan-gp"}),
        ("bf16", {"name": "wgan-gp", "penalty_share": 0.5}),
        ("fp16", {"name": "logistic-r1"}),
    ],
)
def test_half_precision_waits_no_more_than_once_a_tick_and_scale(
    precision: str, loss: dict[str, Any], pretended: PretendedDevice
) -> None:
    config, data, _ = _growing(precision=precision)
    tree = config.model_dump(mode="json")
    tree["system"]["loss"] = loss
    tree["schedule"] |= {"stable_kimg": 0.064, "fade_kimg": 0.064}
    config = validate(Config, tree)
    schedule = make_schedule(config)
    training = _fresh(config, data, pretended.device)
    pretended.waits.clear()
    fading = schedule.stages[1].start + 32
    ticks = _ticks(training, (config, data, schedule), pretended.device, until=fading)
    assert ticks[-1].phase.fade < 1
    scales = {"progan/engine/play.py: require_loss_scale": 2 * len(ticks)} if precision == "fp16" else {}
    assert pretended.waits == {"progan/engine/train.py: close": len(ticks)} | scales
    assert is_finite(training)


def test_the_device_refuses_what_a_gpu_refuses_and_counts_what_it_waits_for(pretended: PretendedDevice) -> None:
    here, there = torch.ones(3), torch.ones(3).to(pretended.device, non_blocking=True)
    with pytest.raises(RuntimeError, match="on the device and one on the CPU"):
        here + there
    assert not pretended.waits
    assert (there + there).sum().item() == 6
    there[there > 0].cpu()
    assert pretended.waits == {"outside": 3}

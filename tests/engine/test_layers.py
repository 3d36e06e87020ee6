"""Layers with parametrised weights, statistics of batches and draws of their own, through all that the engine does."""

from pathlib import Path

import torch
from torch import Tensor

from progan.distributed.world import World
from progan.engine.checkpoint import load_checkpoint, save_checkpoint
from progan.engine.rounds import RealImages, Rules
from progan.engine.settings import OptimConfig
from progan.engine.snapshot import load_snapshot, save_snapshot
from progan.engine.train import Training, start, train
from progan.schedule import ConstantConfig, constant
from progan.systems.settings.networks import DenseNetworks, DiscriminatorLayers, GeneratorLayers
from progan.systems.settings.vanilla import VanillaConfig
from progan.systems.table import build
from progan.types import DataSpec

DATA = DataSpec(resolutions=(4,), count=64, classes=(), fingerprint="none")
SYSTEM = VanillaConfig(
    latent_dim=6,
    networks=DenseNetworks(
        generator=(8, 8),
        generator_layers=GeneratorLayers(activation="softplus", batch_norm=True, noise=1, weight_norm=True),
        discriminator=(8, 8),
        discriminator_layers=DiscriminatorLayers(
            pieces=2, input_dropout=0.2, dropout=0.5, input_noise=0.3, noise=0.5, weight_norm=True
        ),
        deviation=None,
    ),
)
OPTIM = OptimConfig(ema_half_life_kimg=0.02)
SCHEDULE = constant(ConstantConfig(resolution=4, batch=8, total_kimg=0.048), OPTIM.lr)
RULES = Rules(0, OPTIM, False, 8, World(), torch.device("cpu"))


def _fresh() -> Training:
    torch.manual_seed(0)
    return start(build(SYSTEM, DATA, 4), OPTIM)


def _weights(training: Training) -> list[Tensor]:
    networks = [*training.system.networks.values(), training.average]
    return [tensor for network in networks for tensor in network.state_dict().values()]


def test_training_goes_on_bit_for_bit_from_a_checkpoint(reals: RealImages, tmp_path: Path) -> None:
    undisturbed, first, second = _fresh(), _fresh(), _fresh()
    list(train(undisturbed, SCHEDULE, reals, RULES))
    assert not any(torch.equal(a, b) for a, b in zip(_weights(undisturbed)[:3], _weights(first)[:3], strict=True))
    next(tick for tick in train(first, SCHEDULE, reals, RULES) if tick.images_seen == 16)
    save_checkpoint(first, tmp_path / "checkpoint.safetensors")
    load_checkpoint(second, tmp_path / "checkpoint.safetensors")
    list(train(second, SCHEDULE, reals, RULES))
    assert all(torch.equal(a, b) for a, b in zip(_weights(second), _weights(undisturbed), strict=True))


def test_a_snapshot_paints_and_judges_like_the_networks_it_was_made_of(reals: RealImages, tmp_path: Path) -> None:
    training = _fresh()
    next(train(training, SCHEDULE, reals, RULES))
    save_snapshot(training, SYSTEM, DATA, SCHEDULE(8), tmp_path / "snapshot.safetensors")
    loaded = load_snapshot(tmp_path / "snapshot.safetensors").system
    latents, labels = torch.randn(5, 6), torch.full((5,), -1)
    images = training.average(latents, labels)
    torch.testing.assert_close(loaded.generator(latents, labels), images)
    expected = training.system.discriminator.eval()(images, labels).score
    torch.testing.assert_close(loaded.discriminator(images, labels).score, expected)

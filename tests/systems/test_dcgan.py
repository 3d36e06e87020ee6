"""DCGAN and the improved techniques: what is built, that it learns and goes on, and that a snapshot paints the same."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.drawing import images_of
from progan.config import load
from progan.distributed.world import World
from progan.engine.average import averaged_copy
from progan.engine.checkpoint import load_checkpoint, save_checkpoint
from progan.engine.rounds import Rules
from progan.engine.settings import OptimConfig, Sgd
from progan.engine.snapshot import load_snapshot, save_snapshot
from progan.engine.train import Training, start, train
from progan.losses.objective import Round
from progan.networks.dcgan import DcganDiscriminator, DcganGenerator, Level
from progan.random import generator
from progan.sampling.generate import image_sequence
from progan.schedule import ConstantConfig, constant
from progan.settings import Config, untrained_system
from progan.systems.settings.dcgan import DcganConfig
from progan.systems.settings.networks import ConvolutionalNetworks, DenseNetworks
from progan.systems.table import build
from progan.types import Batch, DataSpec, Verdict

CONFIGS = Path(__file__).parents[2] / "configs"
PATHS = [path for folder in ("dcgan", "improved") for path in sorted((CONFIGS / folder).glob("*.yaml"))]
SIZE = 6  # pixels
DATA = DataSpec((SIZE,), 64, (), "none")
OPTIM = OptimConfig(lr=0.01, beta1=0.5, ema_half_life_kimg=0.016)
NETWORKS = {"generator": ((2, 8), (3, 4)), "discriminator": (4, 6), "deviation": 0.2}
PLAIN = DcganConfig(latent_dim=4, networks=ConvolutionalNetworks(**NETWORKS))
VIRTUAL = DcganConfig(latent_dim=4, networks=ConvolutionalNetworks(**NETWORKS, norm="virtual", reference=3))
TOGETHER = DcganConfig(
    latent_dim=4,
    networks=ConvolutionalNetworks(**NETWORKS, norm="virtual", reference=3, minibatch_kernels=(5, 3)),
    real_target=0.9,
    feature_matching_weight=2,
    history_weight=0.1,
)
DENSE = DcganConfig(
    latent_dim=4,
    networks=DenseNetworks(generator=(8,), discriminator=(8,), minibatch_kernels=(5, 3)),
    logistic_weight=0,
    feature_matching_weight=1,
    history_weight=0.1,
)
EACH = pytest.mark.parametrize(
    "config", [PLAIN, VIRTUAL, TOGETHER, DENSE], ids=["plain", "virtual", "together", "dense"]
)


class Noise:
    """Real images that are a function of their position."""

    def batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        draw = generator(0, "images", position)
        images = torch.randint(0, 256, (count, 3, resolution, resolution), dtype=torch.uint8, generator=draw)
        return Batch(images[part], torch.full((count,), -1)[part])

    def labelled_batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        raise AssertionError("no term reads labels")


def _fresh(config: DcganConfig, optim: OptimConfig = OPTIM) -> Training:
    torch.manual_seed(0)
    return start(build(config, DATA, SIZE), optim)


def _train(training: Training, to: int = 40, batch: int = 8, optim: OptimConfig = OPTIM) -> dict[str, float]:
    """-> the last round's losses."""
    rules = Rules(0, optim, False, batch, World(), torch.device("cpu"))
    schedule = constant(ConstantConfig(resolution=SIZE, batch=batch, total_kimg=0.04), OPTIM.lr)
    for tick in train(training, schedule, Noise(), rules):
        if tick.images_seen == to:
            break
    return tick.losses


def _state(training: Training) -> list[Tensor]:
    kept = [*training.system.networks.values(), *training.system.objectives.values(), training.average]
    return [tensor.clone() for module in kept for tensor in module.state_dict().values()]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_config_paints_28_px_and_digits_are_grey_and_judged_by_512_features(path: Path) -> None:
    config = load(Config, path)
    system = untrained_system(config, DataSpec((28,), 64, (), "none"))
    labels = torch.full((2,), -1)
    images = system.generator(torch.rand(2, 100) * 2 - 1, labels)
    features = system.discriminator(images, labels).features
    assert images.shape == (2, 3, 28, 28)
    if "celeba" not in path.stem:
        assert torch.equal(images[:, 0], images[:, 2])
        assert features.shape == (2, 2 * 2 * 128)
        assert system.order == ("discriminator", "generator", "generator")


@EACH
def test_what_was_stopped_goes_on_bit_for_bit(config: DcganConfig, tmp_path: Path) -> None:
    undisturbed = _fresh(config)
    losses = _train(undisturbed)
    first = _fresh(config)
    _train(first, to=16)
    save_checkpoint(first, tmp_path / "checkpoint.safetensors")
    second = _fresh(config)
    load_checkpoint(second, tmp_path / "checkpoint.safetensors")
    assert _train(second) == losses
    assert all(torch.equal(one, other) for one, other in zip(_state(second), _state(undisturbed), strict=True))


@EACH
def test_a_snapshot_paints_as_the_average_does_any_number_at_once(config: DcganConfig, tmp_path: Path) -> None:
    training, path = _fresh(config), tmp_path / "snapshot.safetensors"
    _train(training)
    phase = constant(ConstantConfig(resolution=SIZE, batch=8, total_kimg=0.04), OPTIM.lr)(40)
    save_snapshot(training, config, DATA, phase, path)
    snapshot = load_snapshot(path)
    latents, labels = torch.linspace(-1, 1, 20).view(5, 4), torch.full((5,), -1)
    images = snapshot.system.generator(latents, labels)
    assert torch.equal(images, training.average(latents, labels))
    alone = [snapshot.system.generator(latents[n : n + 1], labels[:1]) for n in range(5)]
    torch.testing.assert_close(torch.cat(alone), images)
    training.system.discriminator.eval()
    judged = snapshot.system.discriminator(images, labels)
    assert torch.equal(judged.score, training.system.discriminator(images, labels).score)


def test_virtual_batch_norm_keeps_the_first_real_images_and_judges_each_image_by_itself() -> None:
    training = _fresh(VIRTUAL)
    _train(training)
    discriminator = training.system.discriminator.train()
    first = Noise().batch(SIZE, 0, 8, slice(3)).images
    torch.testing.assert_close(discriminator.reference.rows, first / 127.5 - 1)
    images, labels = torch.rand(4, 3, SIZE, SIZE) * 2 - 1, torch.full((4,), -1)
    alone = [discriminator(images[n : n + 1], labels[:1]).score for n in range(4)]
    torch.testing.assert_close(torch.cat(alone), discriminator(images, labels).score)
    assert training.system.joint
    assert not VIRTUAL.indivisible


def test_virtual_batch_norm_trains_the_same_in_parts() -> None:
    # Not by Adam, which makes steps of the rounding errors of biases that a norm takes away again.
    slow = OptimConfig(generator=Sgd(lr=0.1), discriminator=Sgd(lr=0.1))
    states = []
    for parts in ({}, {SIZE: 2}):
        optim = slow.model_copy(update={"max_images_per_process": parts})
        training = _fresh(VIRTUAL, optim)
        _train(training, optim=optim)
        states.append(_state(training))
    for one, other in zip(*states, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_reference_latents_are_drawn_like_all_others() -> None:
    assert _fresh(VIRTUAL).system.generator.reference.rows.abs().max() <= 1
    many = VIRTUAL.networks.model_copy(update={"reference": 500})
    normal = VIRTUAL.model_copy(update={"latents": "normal", "networks": many})
    assert _fresh(normal).system.generator.reference.rows.std() == pytest.approx(1, abs=0.1)


def test_the_generator_adds_feature_matching_to_the_game_or_has_it_alone() -> None:
    assert set(_train(_fresh(TOGETHER))) == {
        "discriminator/logistic",
        "discriminator/history",
        "generator/logistic",
        "generator/feature_matching",
        "generator/history",
    }
    assert set(_train(_fresh(DENSE))) == {"discriminator/logistic", "discriminator/history"} | {
        "generator/feature_matching",
        "generator/history",
    }
    with pytest.raises(ValueError, match="the generator needs one of them"):
        DcganConfig(logistic_weight=0)


def test_features_are_matched_before_samples_are_compared() -> None:
    system = _fresh(TOGETHER).system
    assert TOGETHER.indivisible
    assert not system.joint
    images, labels = torch.randn(3, 3, SIZE, SIZE), torch.full((3,), -1)
    verdict = system.discriminator(images, labels)
    assert verdict.features.shape == (3, 6 * 2 * 2)
    torch.testing.assert_close(system.discriminator(images[:1], labels[:1]).features, verdict.features[:1])
    assert not torch.allclose(system.discriminator(images[:1], labels[:1]).score, verdict.score[:1])


def test_with_smoothed_labels_the_discriminator_is_content_with_nine_tenths() -> None:
    config = PLAIN.model_copy(update={"real_target": 0.9})
    real = torch.tensor([[0.9]]).logit().requires_grad_()  # a judge whose score is the image
    batches = [Batch(images, torch.tensor([-1])) for images in (real, torch.zeros(1, 1))]
    game = Round(lambda images, _: Verdict(images[:, 0]), *batches, 1, 0, lambda stream: torch.zeros(1))
    build(config, DATA, SIZE).objectives["discriminator"](game)["logistic"].backward()
    torch.testing.assert_close(real.grad, torch.zeros(1, 1), atol=1e-6, rtol=0)


def test_labels_are_smoothed_of_real_images_alone() -> None:
    config, score = PLAIN.model_copy(update={"real_target": 0.9}), torch.tensor([[0.3]])
    batches = [Batch(images, torch.tensor([-1])) for images in (torch.zeros(1, 1), score)]
    game = Round(lambda images, _: Verdict(images[:, 0]), *batches, 1, 0, lambda stream: torch.zeros(1))
    on_real, on_fake = math.log(2), math.log(1 + math.exp(0.3))  # whatever the target, of a score of 0
    value = build(config, DATA, SIZE).objectives["discriminator"](game)["logistic"]
    assert value.item() == pytest.approx(on_real + on_fake)


def test_its_networks_are_those_of_the_paper_in_torchs_layers() -> None:
    torch.manual_seed(0)
    generator = DcganGenerator(8, 6, [Level(2, 5), Level(4, 4)])
    discriminator = DcganDiscriminator(8, [4, 5])
    dense, (first, second), norms = generator.dense, generator.layers, generator.norms
    latents, labels = torch.randn(7, 6), torch.full((7,), -1)
    x = F.relu(norms[0](dense(latents).view(7, 5, 2, 2)))
    images = torch.tanh(second(F.relu(norms[1](first(x)))))
    torch.testing.assert_close(generator(latents, labels), images)
    one, other = discriminator.layers
    x = F.leaky_relu(discriminator.norms[1](other(F.leaky_relu(one(images), 0.2))), 0.2)
    torch.testing.assert_close(discriminator(images, labels).features, x.flatten(1))
    assert [layer.kernel_size for layer in (*generator.layers, *discriminator.layers)] == [(5, 5)] * 4


@EACH
def test_the_untrained_generator_is_measured_as_it_is_averaged(config: DcganConfig) -> None:
    """In evaluation mode, as its snapshots will be."""
    system = build(config, DATA, SIZE)
    average = averaged_copy(system.generator)
    expected = image_sequence(average, SIZE, 1, system.latents, system.labels)(0, 5)
    assert torch.equal(images_of(system, SIZE, 1)(0, 5), expected)

"""K + 1 classes against a plain softmax over so many, and what the system asks of its data."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from progan.distributed.world import World
from progan.engine.rounds import Rules
from progan.engine.settings import OptimConfig
from progan.engine.train import start, train
from progan.losses.objective import Round
from progan.schedule import ConstantConfig, constant
from progan.systems.settings.networks import ConvolutionalNetworks, DenseNetworks, DiscriminatorLayers
from progan.systems.settings.semi_supervised import SemiSupervisedConfig
from progan.systems.system import System
from progan.systems.table import build
from progan.types import UNLABELLED, Batch, ConfigError, DataSpec, LabelsMissing

SIDE, CLASSES, COUNT = 8, 3, 12
DATA = DataSpec((SIDE,), 100, ("a", "b", "c"), "none")
NETWORKS = {
    "dense": DenseNetworks(generator=(16,), discriminator=(16, 8), deviation=0.3),
    "convolutional": ConvolutionalNetworks(generator=((4, 8),), discriminator=(8, 8), norm="none", deviation=0.3),
}


def _system(**settings: object) -> System:
    torch.manual_seed(0)
    config = SemiSupervisedConfig(**{"latent_dim": 6, "networks": NETWORKS["dense"]} | settings)
    return build(config, DATA, SIDE)


def _round(system: System, labels: torch.Tensor) -> Round:
    torch.manual_seed(1)
    unlabelled = torch.full((COUNT,), UNLABELLED)
    labelled, real, fake = (
        Batch(torch.rand(COUNT, 3, SIDE, SIDE) * 2 - 1, one) for one in (labels, unlabelled, unlabelled)
    )
    return Round(
        system.discriminator, real, fake, COUNT, 0, lambda stream: torch.zeros(COUNT), joint=True, labelled=labelled
    )


@pytest.mark.parametrize("networks", NETWORKS.values(), ids=NETWORKS)
def test_the_discriminator_plays_a_softmax_over_the_classes_and_one_more_whose_logit_is_zero(
    networks: DenseNetworks | ConvolutionalNetworks,
) -> None:
    system = _system(networks=networks)
    labels = torch.arange(COUNT) % CLASSES
    game = _round(system, labels)
    losses = system.objectives["discriminator"](game)

    def log_probabilities(batch: Batch) -> torch.Tensor:
        logits = system.discriminator(batch.images, batch.labels).classes
        return F.log_softmax(torch.cat([logits, torch.zeros(COUNT, 1)], dim=1).double(), dim=1)

    real, fake = (log_probabilities(batch).exp()[:, CLASSES] for batch in (game.real, game.fake))  # of being generated
    unsupervised = -(1 - real).log().mean() - fake.log().mean()
    known = log_probabilities(game.labelled)
    not_generated = (1 - known.exp()[:, CLASSES]).log()
    supervised = -(known[torch.arange(COUNT), labels] - not_generated).mean()
    assert losses["logistic"].item() == pytest.approx(0.5 * unsupervised.item(), rel=1e-5)
    assert losses["supervised"].item() == pytest.approx(supervised.item(), rel=1e-5)


def test_a_labelled_batch_without_a_label_leaves_the_game_between_real_and_generated() -> None:
    system = _system()
    losses = system.objectives["discriminator"](_round(system, torch.full((COUNT,), UNLABELLED)))
    assert losses["supervised"].item() == 0
    torch.stack(list(losses.values())).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in system.discriminator.parameters())  # type: ignore[union-attr]


def test_the_generator_knows_no_classes_and_minimises_what_it_is_told_to() -> None:
    matching, fooling = _system(), _system(generator_loss="logistic")
    for system in (matching, fooling):
        assert system.labels.classes == 0
        first = next(system.plays())
        assert (first.player, first.reads, first.labelled) == ("discriminator", 0, 0)
    assert set(matching.objectives["generator"].terms) == {"feature_matching"}
    assert (matching.reals_per_round, matching.labelled_per_round) == (2, 1)
    assert set(fooling.objectives["generator"].terms) == {"logistic"}
    assert (fooling.reals_per_round, fooling.labelled_per_round) == (1, 1)
    assert SemiSupervisedConfig(networks=NETWORKS["dense"]).indivisible
    assert not SemiSupervisedConfig(networks=NETWORKS["dense"], generator_loss="logistic").indivisible


class Shades:
    """Images of one grey each, whose shade is their class; every image has its label in the labelled batches alone."""

    def batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        return Batch(self._images(position, count, part), torch.full((count,), UNLABELLED)[part])

    def labelled_batch(self, resolution: int, position: int, count: int, part: slice) -> Batch:
        return Batch(self._images(position, count, part), self._classes(position, count)[part])

    def _classes(self, position: int, count: int) -> torch.Tensor:
        return torch.arange(position, position + count) % CLASSES

    def _images(self, position: int, count: int, part: slice) -> torch.Tensor:
        shades = 30 + 90 * self._classes(position, count)[part]
        return shades.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, SIDE, SIDE)


@pytest.mark.usefixtures("one_thread")
def test_it_learns_the_classes_of_shades() -> None:
    layers = DiscriminatorLayers(input_noise=0.1, noise=0.3, weight_norm=True)
    networks = DenseNetworks(
        generator=(16,), discriminator=(32, 16), discriminator_layers=layers, deviation=0.1, bias=0
    )
    system, reals = _system(networks=networks), Shades()
    schedule = constant(ConstantConfig(resolution=SIDE, batch=24, total_kimg=2.4), 0.003)
    optim = OptimConfig(beta1=0.5, ema_half_life_kimg=0)
    rules = Rules(0, optim, False, 240, World(), torch.device("cpu"))
    ticks = list(train(start(system, optim), schedule, reals, rules))
    assert ticks[-1].losses["discriminator/supervised"] < 0.5 * ticks[0].losses["discriminator/supervised"]
    batch = reals.labelled_batch(SIDE, 0, 30, slice(None))
    system.discriminator.eval()
    logits = system.discriminator(batch.images / 127.5 - 1, batch.labels).classes
    assert torch.equal(logits.argmax(dim=1), batch.labels)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (replace(DATA, classes=()), "data.path: its images have no labels; "),
        (replace(DATA, combinations=("000", "111")), "data.path: its images have several labels each; "),
    ],
)
def test_data_without_one_class_an_image_are_refused_in_one_line(data: DataSpec, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        build(SemiSupervisedConfig(), data, SIDE)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_labels_that_are_missing_are_told_from_labels_of_another_kind() -> None:
    """So that a dry run before the set is prepared can go on."""
    with pytest.raises(LabelsMissing):
        build(SemiSupervisedConfig(), replace(DATA, classes=()), SIDE)

"""What the engine does for systems other than progan: the order of play, labels, random layers, own optimizers."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from progan.distributed.world import World
from progan.engine.checkpoint import load_checkpoint, save_checkpoint
from progan.engine.rounds import RealImages, Rules
from progan.engine.settings import Adam, OptimConfig, Sgd
from progan.engine.train import Training, start, train
from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator
from progan.losses.objective import Objective, Round, Term, Weighted
from progan.schedule import ConstantConfig, constant
from progan.systems.system import System
from progan.types import Batch, LabelSpace, LatentSpace, Verdict

SIZE = 5  # pixels: no power of two
SCHEDULE = constant(ConstantConfig(resolution=SIZE, batch=8, total_kimg=0.064, decay_kimg=0.032), 0.1)
OPTIM = OptimConfig(discriminator=Sgd(lr=0.2, momentum=0.5), generator=Adam(beta1=0.5), ema_half_life_kimg=0)


class Painter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3 * SIZE**2))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        return torch.tanh(self.layers(latents)).view(-1, 3, SIZE, SIZE)


class Judge(nn.Module):
    """Its layers draw at random."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * SIZE**2, 3))

    def forward(self, images: Tensor, labels: Tensor) -> Verdict:
        output = self.layers(images)
        return Verdict(output[:, 0], output[:, 1:])


class Noted(Term):
    """Notes the real and the labelled images of each play, and a draw."""

    reads_real = True
    reads_labelled = True

    def __init__(self) -> None:
        super().__init__()
        self.real: list[Tensor] = []
        self.labelled: list[Batch] = []
        self.drawn: list[Tensor] = []

    def forward(self, game: Round) -> Tensor:
        self.real.append(game.real.images)
        self.labelled.append(game.labelled)
        self.drawn.append(game.uniform("mixing"))
        assert game.on_labelled.classes is not None
        return nn.functional.cross_entropy(game.on_labelled.classes, game.labelled.labels)


class Counted(Term):
    """The number of its evaluations so far."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, game: Round) -> Tensor:
        self.count += 1
        return self.count.clone()


def _system(noted: Noted | None = None, seen: list[Tensor] | None = None) -> System:
    torch.manual_seed(0)
    return System(
        generator=Painter(),
        discriminator=Judge(),
        objectives={
            "discriminator": Objective(
                [Weighted("logistic", LogisticDiscriminator()), Weighted("noted", noted or Noted(), 0.5)]
            ),
            "generator": Objective([Weighted("logistic", LogisticGenerator()), Weighted("counted", Counted())]),
        },
        resolution=SIZE,
        latents=LatentSpace(4, "uniform"),
        labels=LabelSpace(2),
        order=("discriminator", "discriminator", "generator", "generator", "generator"),
        calibrate=None if seen is None else seen.append,
    )


def _rules(tick: int = 8) -> Rules:
    return Rules(0, OPTIM, True, tick, World(), torch.device("cpu"))


def _weights(training: Training) -> list[Tensor]:
    return [t.clone() for network in training.system.networks.values() for t in network.state_dict().values()]


def test_every_play_draws_anew(reals: RealImages) -> None:
    noted = Noted()
    list(train(start(_system(noted), OPTIM), SCHEDULE, reals, _rules()))
    assert len({drawn.numpy().tobytes() for drawn in noted.drawn}) == len(noted.drawn) == 16


def test_every_play_reads_images_of_its_own_and_labelled_ones_all_have_a_label(reals: RealImages) -> None:
    noted = Noted()
    list(train(start(_system(noted), OPTIM), SCHEDULE, reals, _rules()))
    assert len(noted.real) == 2 * 8
    assert len({images.numpy().tobytes() for images in noted.real}) == 16
    assert all(set(batch.labels.tolist()) == {0, 1} for batch in noted.labelled)


def test_a_term_of_several_plays_is_logged_as_their_mean(reals: RealImages) -> None:
    ticks = list(train(start(_system(), OPTIM), SCHEDULE, reals, _rules()))
    assert [tick.losses["generator/counted"] for tick in ticks[:3]] == [2.0, 5.0, 8.0]


def test_layers_that_draw_and_buffers_of_layers_and_terms_go_on_bit_for_bit(reals: RealImages, tmp_path: Path) -> None:
    undisturbed = start(_system(), OPTIM)
    list(train(undisturbed, SCHEDULE, reals, _rules()))
    first = start(_system(), OPTIM)
    for tick in train(first, SCHEDULE, reals, _rules()):
        if tick.images_seen == 24:
            break
    save_checkpoint(first, tmp_path / "checkpoint.safetensors")
    second = start(_system(), OPTIM)
    load_checkpoint(second, tmp_path / "checkpoint.safetensors")
    torch.rand(7)  # what other code draws in between does not matter
    ticks = list(train(second, SCHEDULE, reals, _rules()))
    assert all(torch.equal(one, other) for one, other in zip(_weights(second), _weights(undisturbed), strict=True))
    assert ticks[-1].losses["generator/counted"] == 23.0


def test_players_have_optimizers_and_rates_of_their_own_which_decay_together(reals: RealImages) -> None:
    training = start(_system(), OPTIM)
    rates = {}
    for tick in train(training, SCHEDULE, reals, _rules()):
        rates[tick.images_seen] = [player.optimizer.param_groups[0]["lr"] for player in training.players.values()]
    assert isinstance(training.players["discriminator"].optimizer, torch.optim.SGD)
    assert isinstance(training.players["generator"].optimizer, torch.optim.Adam)
    assert rates[8] == [0.2, 0.1]
    assert rates[56] == pytest.approx([0.1, 0.05])  # the round that began with 16 of the last 32 images to go


def test_calibration_sees_the_first_images_once(reals: RealImages) -> None:
    seen: list[Tensor] = []
    training = start(_system(seen=seen), OPTIM)
    for tick in train(training, SCHEDULE, reals, _rules()):
        if tick.images_seen == 24:
            break
    list(train(training, SCHEDULE, reals, _rules()))
    assert [tuple(images.shape) for images in seen] == [(8, 3, SIZE, SIZE)]
    assert seen[0].abs().max() <= 1

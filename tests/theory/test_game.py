"""What the theory of the game says (arXiv 1406.2661, section 4), held against the terms and players that train."""

import itertools
import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from progan.distributed.world import World
from progan.engine.optimizers import make_optimizer
from progan.engine.play import Player, frozen, update
from progan.engine.settings import Adam, OptimConfig, Sgd
from progan.losses.adversarial import LogisticDiscriminator, LogisticGenerator, MinimaxGenerator
from progan.losses.objective import Objective, Round, Term, Weighted
from progan.types import Batch, Verdict

CPU = torch.device("cpu")
# Distributions of six states: how often each is among ten.
DATA = (3, 2, 2, 1, 1, 1)
OTHERS = [(1, 1, 1, 2, 2, 3), (5, 1, 1, 1, 1, 1), (2, 2, 2, 2, 1, 1)]


class Table(nn.Module):
    """A discriminator of states without limits to what it can say: a score for each."""

    def __init__(self, scores: Sequence[float] = (0.0,) * 6) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(scores))

    def forward(self, images: Tensor, labels: Tensor) -> Verdict:
        return Verdict(self.scores[images])


def _states(counts: Sequence[int]) -> Batch:
    """Ten states as often as the distribution says, so that a mean over them is the expectation."""
    states = torch.repeat_interleave(torch.arange(6), torch.tensor(counts))
    return Batch(states, torch.full_like(states, -1))


def _game(discriminator: nn.Module, real: Sequence[int], fake: Sequence[int]) -> Round:
    return Round(discriminator, _states(real), _states(fake), 10, 0, lambda stream: torch.zeros(10))


def _sure(real: Sequence[int], fake: Sequence[int]) -> Table:
    """The best discriminator: sigmoid(log(p / q)) = p / (p + q)."""
    return Table([math.log(p / q) for p, q in zip(real, fake, strict=True)])


def _jensen_shannon(real: Sequence[int], fake: Sequence[int]) -> float:
    """In nats, of the definition: the mean divergence of Kullback and Leibler from the middle."""
    divergence = 0.0
    for p, q in zip(real, fake, strict=True):
        middle = (p + q) / 20
        divergence += p / 20 * math.log(p / 10 / middle) + q / 20 * math.log(q / 10 / middle)
    return divergence


@pytest.mark.parametrize("fake", OTHERS)
def test_a_trained_discriminator_gives_the_share_of_the_data_in_each_state(fake: tuple[int, ...]) -> None:
    table = Table()
    objective = Objective([Weighted("logistic", LogisticDiscriminator())])
    player = Player("discriminator", table, objective, OptimConfig(lr=0.1, discriminator=Adam()))
    for _ in range(120):
        update(player, [lambda scale: _game(table, DATA, fake)], World(), CPU)
    expected = torch.tensor([p / (p + q) for p, q in zip(DATA, fake, strict=True)])
    torch.testing.assert_close(torch.sigmoid(table.scores.detach()), expected, rtol=0, atol=1e-2)


@pytest.mark.parametrize("fake", [DATA, *OTHERS])
def test_against_the_best_discriminator_the_game_is_worth_the_divergence(fake: tuple[int, ...]) -> None:
    game = _game(_sure(DATA, fake), DATA, fake)
    worth = -LogisticDiscriminator()(game).item()
    assert worth == pytest.approx(-math.log(4) + 2 * _jensen_shannon(DATA, fake), abs=1e-6)
    assert worth >= -math.log(4) - 1e-6
    assert (worth == pytest.approx(-math.log(4), abs=1e-6)) == (fake == DATA)


@pytest.mark.parametrize("fake", OTHERS)
def test_no_other_discriminator_makes_the_game_worth_more(fake: tuple[int, ...]) -> None:
    best = _sure(DATA, fake)
    highest = -LogisticDiscriminator()(_game(best, DATA, fake)).item()
    for state, step in itertools.product(range(6), (-0.3, 0.3)):
        scores = best.scores.detach().clone()
        scores[state] += step
        assert -LogisticDiscriminator()(_game(Table(scores.tolist()), DATA, fake)).item() < highest


class Mixture(nn.Module):
    """A generator of states without limits: its probabilities, which expectations can be differentiated by."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor([2.0, -1.0, 0.0, 1.0, -2.0, 0.5]))


def test_a_generator_that_descends_on_the_games_worth_ends_at_the_data() -> None:
    generator, data = Mixture(), torch.tensor(DATA) / 10
    optimizer = make_optimizer(generator, Adam(), 0.05)
    for _ in range(400):
        shares = torch.softmax(generator.logits, 0)
        scores = torch.log(data / shares.detach())  # the best discriminator's, held fixed while the generator moves
        each = torch.stack([MinimaxGenerator()(_judged(score)) for score in scores])
        optimizer.zero_grad()
        (shares * each).sum().backward()
        optimizer.step()
    torch.testing.assert_close(torch.softmax(generator.logits.detach(), 0), data, rtol=0, atol=1e-2)


def _judged(score: Tensor) -> Round:
    """One generated image of that score."""
    fake = Batch(score.reshape(1), torch.full((1,), -1))
    return Round(lambda images, labels: Verdict(images), None, fake, 1, 0, lambda stream: torch.zeros(1))


def _gradient(term: Term, score: float) -> float:
    """d term / d score of a generated image."""
    leaf = torch.tensor(score, requires_grad=True)
    (gradient,) = torch.autograd.grad(term(_judged(leaf)), leaf)
    return float(gradient)


@pytest.mark.parametrize("score", [-20.0, -8.0, -1.0, 0.0, 3.0])
def test_both_forms_of_the_generators_loss_raise_the_score(score: float) -> None:
    share = 1 / (1 + math.exp(-score))
    assert _gradient(MinimaxGenerator(), score) == pytest.approx(-share, rel=1e-5)
    assert _gradient(LogisticGenerator(), score) == pytest.approx(share - 1, rel=1e-5)


def test_where_the_discriminator_is_sure_only_the_non_saturating_form_still_moves() -> None:
    assert abs(_gradient(MinimaxGenerator(), -20.0)) < 1e-8
    assert abs(_gradient(LogisticGenerator(), -20.0)) > 0.999


class Number(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=torch.float64))


def test_players_of_xy_who_move_at_once_circle_outwards() -> None:
    x, y, lr = Number(0.3), Number(-0.4), 0.1
    optimizers = [make_optimizer(number, Sgd(), lr) for number in (x, y)]
    turned = []
    for step in range(1, 101):
        for optimizer in optimizers:
            optimizer.zero_grad()
        x.value.grad, y.value.grad = y.value.detach().clone(), -x.value.detach()  # x descends on xy, y climbs
        for optimizer in optimizers:
            optimizer.step()
        assert math.hypot(x.value.item(), y.value.item()) == pytest.approx(0.5 * (1 + lr**2) ** (step / 2))
        turned.append(math.atan2(y.value.item(), x.value.item()))
    angles = [(after - before) % (2 * math.pi) for before, after in itertools.pairwise(turned)]
    assert angles == pytest.approx([math.atan(lr)] * 99)


class Product(Term):
    """sign * xy."""

    def __init__(self, sign: float, x: Number, y: Number) -> None:
        super().__init__()
        self.sign = sign
        self.players = (x, y)  # a tuple, so that a term's player is not part of it

    def forward(self, game: Round) -> Tensor:
        x, y = self.players
        return self.sign * x.value * y.value


def test_players_of_xy_who_take_turns_as_the_engine_has_them_stay_on_an_ellipse() -> None:
    x, y, lr = Number(0.3), Number(-0.4), 0.1
    numbers, signs = {"generator": x, "discriminator": y}, {"generator": 1.0, "discriminator": -1.0}
    config = OptimConfig(lr=lr, generator=Sgd(), discriminator=Sgd())
    players = [
        Player(role, numbers[role], Objective([Weighted("xy", Product(signs[role], x, y))]), config)
        for role in ("discriminator", "generator")
    ]
    kept, reached = [], []
    for _ in range(150):
        for player in players:
            with frozen(x if player.network is y else y):
                update(player, [lambda scale: _judged(torch.zeros(()))], World(), CPU)
        a, b = x.value.item(), y.value.item()
        kept.append(a**2 + b**2 + lr * a * b)
        reached.append(math.hypot(a, b))
    assert kept == pytest.approx([kept[0]] * 150)
    assert 0.45 < min(reached) < max(reached) < 0.55

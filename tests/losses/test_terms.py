import math

import pytest
import torch
from torch import Tensor

from progan.losses.adversarial import (
    Drift,
    LogisticDiscriminator,
    LogisticGenerator,
    RelativisticDiscriminator,
    RelativisticGenerator,
    WassersteinCritic,
    WassersteinGenerator,
)
from progan.losses.auxiliary import FakeLabel, RealLabel
from progan.losses.objective import Objective, Round, Weighted
from progan.losses.penalties import R1, R2, GradientPenalty
from progan.networks.progressive import ProgressiveDiscriminator
from progan.systems.progan import loss_terms
from progan.systems.settings.progan import LogisticR1Loss, RelativisticLoss, WassersteinLoss
from progan.types import Batch, Verdict


def _round(score_scale: float = 1.0, images_seen: int = 0, double: bool = True) -> tuple[Round, torch.nn.Module]:
    torch.manual_seed(0)
    discriminator = ProgressiveDiscriminator(8, base=32, maximum=4).to(torch.float64 if double else torch.float32)
    labels = torch.full((4,), -1)
    dtype = torch.float64 if double else torch.float32
    real, fake = (Batch(torch.randn(4, 3, 8, 8, dtype=dtype), labels) for _ in range(2))
    uniform = torch.rand(4, dtype=dtype)
    return Round(discriminator, real, fake, 4, images_seen, lambda stream: uniform, score_scale), discriminator


def _numeric_gradient(discriminator: torch.nn.Module, images: Tensor, step: float = 1e-3) -> Tensor:
    """Central differences of the summed score (fp32: the penalty takes its images to fp32)."""
    gradient = torch.zeros_like(images)
    flat, out = images.reshape(-1), gradient.view(-1)
    labels = torch.full((len(images),), -1)
    for index in range(flat.numel()):
        values = []
        for sign in (1, -1):
            moved = flat.clone()
            moved[index] += sign * step
            values.append(discriminator(moved.view_as(images), labels).score.sum())
        out[index] = (values[0] - values[1]) / (2 * step)
    return gradient


@torch.no_grad()
def _reference_mix(game: Round) -> Tensor:
    weight = game.uniform("mixing").view(-1, 1, 1, 1)
    return game.real.images + weight * (game.fake.images - game.real.images)


def test_gradient_penalty_agrees_with_finite_differences() -> None:
    game, discriminator = _round(double=False)
    with torch.no_grad():
        reference = _numeric_gradient(discriminator.double(), _reference_mix(game).double(), 1e-6)
        expected = (reference.flatten(1).norm(dim=1) - 1).square().mean()
    discriminator.float()
    torch.testing.assert_close(GradientPenalty()(game), expected.float(), rtol=1e-4, atol=1e-5)


def test_r1_agrees_with_finite_differences_and_with_its_heuristic_weight() -> None:
    game, discriminator = _round(double=False)
    with torch.no_grad():
        reference = _numeric_gradient(discriminator.double(), game.real.images.double(), 1e-6)
        power = reference.square().flatten(1).sum(dim=1).mean().float()
    discriminator.float()
    torch.testing.assert_close(R1(gamma=2.0, every=1)(game), power, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(R1(every=16)(game), 16 * 0.0002 * 64 / 4 / 2 * power, rtol=1e-4, atol=1e-6)


def test_the_penalty_reaches_the_weights_as_double_backward_does() -> None:
    game, discriminator = _round(double=False)
    GradientPenalty()(game).backward()
    mine = {name: p.grad.clone() for name, p in discriminator.named_parameters() if p.grad is not None}
    discriminator.zero_grad()
    mix = _reference_mix(game).requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(mix, game.real.labels).score.sum(), mix, create_graph=True)
    (gradient.flatten(1).norm(dim=1) - 1).square().mean().backward()
    assert mine
    for name, parameter in discriminator.named_parameters():
        if name in mine and parameter.grad is not None:
            torch.testing.assert_close(mine[name], parameter.grad)


def test_the_penalty_pulls_to_its_target_from_both_sides() -> None:
    """Of a score whose gradient has the length 2 everywhere."""
    zeros, labels = torch.zeros(4, 1, 2, 2), torch.zeros(4, dtype=torch.int64)
    judge = lambda images, _: Verdict(images.flatten(1).sum(dim=1))  # noqa: E731
    game = Round(judge, Batch(zeros, labels), Batch(zeros, labels), 4, 0, lambda stream: torch.zeros(4))
    for target, excess in ((0.5, 1.5), (2.0, 0.0), (5.0, -3.0)):
        assert GradientPenalty(target)(game).item() == pytest.approx(excess**2)


@pytest.mark.parametrize(("share", "group", "images"), [(0.5, 2, 2), (0.25, 2, 2), (0.75, 1, 3), (0.1, 4, 4)])
def test_a_share_of_the_images_is_taken_in_whole_groups(share: float, group: int, images: int) -> None:
    game, discriminator = _round(double=False)
    some = slice(images)
    reals, fakes = (Batch(batch.images[some], batch.labels[some]) for batch in (game.real, game.fake))
    fewer = Round(discriminator, reals, fakes, 4, 0, lambda stream: game.uniform(stream)[some])
    torch.testing.assert_close(GradientPenalty(1.0, share, group)(game), GradientPenalty()(fewer))


@pytest.mark.parametrize("share", [0.25, 0.3, 0.5, 1.0])
def test_a_share_is_of_the_global_batch_however_it_is_cut(share: float) -> None:
    images, zeros = torch.randn(2, 8, 1, 2, 2), torch.zeros(8, dtype=torch.long)

    def penalty(first: int, count: int) -> Tensor:
        part = slice(first, first + count)
        real, fake = (Batch(some[part], zeros[part]) for some in images)
        judge = lambda x, _: Verdict(x.flatten(1).pow(3).sum(dim=1))  # noqa: E731
        game = Round(judge, real, fake, 8, 0, lambda stream: torch.linspace(0, 1, 8)[part], first=first)
        return GradientPenalty(1.0, share)(game)

    whole = penalty(0, 8)
    for count in (1, 2, 4):
        parts = [penalty(first, count) for first in range(0, 8, count)]
        torch.testing.assert_close(torch.stack(parts).mean(), whole)


def test_the_penalty_does_not_depend_on_the_loss_scale() -> None:
    torch.testing.assert_close(
        GradientPenalty()(_round(1024.0, double=False)[0]), GradientPenalty()(_round(double=False)[0])
    )


def test_r2_is_r1_of_the_generated_images() -> None:
    game, discriminator = _round(double=False)
    exchanged = Round(discriminator, game.fake, game.real, 4, 0, game.uniform)
    torch.testing.assert_close(R2(gamma=2.0, every=1)(game), R1(gamma=2.0, every=1)(exchanged))
    assert not R2.reads_real


def test_relativistic_losses_are_of_pairs() -> None:
    game = _scores(real=[0.5, -1.0], fake=[2.0, 0.25])
    pairs = [(0.5, 2.0), (-1.0, 0.25)]
    expected = [-sum(math.log(_sigmoid(sign * (real - fake))) for real, fake in pairs) / 2 for sign in (1, -1)]
    for term, value in zip((RelativisticDiscriminator(), RelativisticGenerator()), expected, strict=True):
        assert term(game).item() == pytest.approx(value, rel=1e-5)


def test_the_rule_for_the_weight_of_r1_is_scaled_by_the_setting_for_the_global_batch() -> None:
    game, _ = _round(double=False)
    quarter = Round(game.discriminator, game.real, game.fake, 16, 0, game.uniform)  # one of four processes
    once = R1(gamma=1.0, every=1)(game)
    for shown, batch in ((game, 4), (quarter, 16)):
        torch.testing.assert_close(R1(scale=3.0, every=1)(shown), once * 3 * 0.0002 * 8**2 / batch)
    for loss, every in ((LogisticR1Loss(gamma_scale=3), 16), (RelativisticLoss(gamma_scale=3), 1)):
        terms = [row.term for row in loss_terms(loss, 4)["discriminator"] if isinstance(row.term, R1)]
        assert [(term.scale, term.gamma, term.period) for term in terms] == [(3, None, every)] * len(terms)
        assert len(terms) == (2 if every == 1 else 1)


def test_lazy_r1_is_zero_between_its_rounds() -> None:
    assert R1(every=16)(_round(images_seen=4 * 15, double=False)[0]).item() == 0
    assert R1(every=16)(_round(images_seen=4 * 16, double=False)[0]).item() > 0


def _scores(real: list[float], fake: list[float]) -> Round:
    def discriminator(images: Tensor, labels: Tensor) -> Verdict:
        return Verdict(images)

    labels = torch.zeros(len(real), dtype=torch.int64)
    batches = Batch(torch.tensor(real), labels), Batch(torch.tensor(fake), labels)
    return Round(discriminator, *batches, len(real), 0, lambda stream: torch.zeros(len(real)))


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _log(score: float) -> float:
    """Log of the probability of being real."""
    return math.log(_sigmoid(score))


def test_adversarial_terms_agree_with_their_formulas() -> None:
    game = _scores([1.0, 3.0], [0.0, -2.0])
    assert WassersteinCritic()(game).item() == pytest.approx(-1 - 2)
    assert WassersteinGenerator()(game).item() == pytest.approx(1)
    assert Drift()(game).item() == pytest.approx(5)
    discriminator = -(_log(1) + _log(3)) / 2 - (_log(0) + _log(2)) / 2
    assert LogisticDiscriminator()(game).item() == pytest.approx(discriminator)
    assert LogisticGenerator()(game).item() == pytest.approx(-(_log(0) + _log(-2)) / 2)


def test_a_penalty_s_weight_is_of_the_excess_as_a_share_of_the_target() -> None:
    """wgan_lambda / wgan_target^2, as in the official code."""
    rows = {row.name: row.weight for row in loss_terms(WassersteinLoss(target=750), 1)["discriminator"]}
    assert rows["gradient_penalty"] == pytest.approx(10 / 750**2)


def _labelled(logits: Tensor, real: list[object], fake: list[object]) -> Round:
    """D says `logits` of any images."""
    one, other = (Batch(torch.zeros(len(logits)), torch.tensor(labels)) for labels in (real, fake))
    return Round(lambda images, labels: Verdict(images, logits), one, other, 2, 0, lambda stream: torch.zeros(2))


def test_label_terms_are_the_log_probability_of_the_class_over_the_labelled_images() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 3.0]])
    right, wrong, even = _sigmoid(2), 1 - _sigmoid(1), 0.5  # of two classes the softmax is the sigmoid of a difference
    game = _labelled(logits, real=[0, -1, -1], fake=[0, 0, 1])
    assert RealLabel()(game).item() == pytest.approx(-math.log(right))
    assert FakeLabel()(game).item() == pytest.approx(-(math.log(right) + math.log(wrong) + math.log(even)) / 3)
    assert RealLabel()(_labelled(logits, [-1, -1, -1], [0, 0, 0])).item() == 0


def test_several_labels_an_image_have_the_product_of_their_probabilities() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.5]])
    game = _labelled(logits, real=[[1, 0, 1], [-1, -1, -1]], fake=[[0, 0, 0], [-1, 1, 0]])
    assert RealLabel()(game).item() == pytest.approx(-math.log(_sigmoid(2) * 0.5 * _sigmoid(-1)))
    whole, known = _sigmoid(-2) * 0.5 * _sigmoid(1), _sigmoid(1) * _sigmoid(-0.5)
    assert FakeLabel()(game).item() == pytest.approx(-math.log(whole * known) / 2)
    assert RealLabel()(_labelled(logits, [[-1] * 3] * 2, [[0] * 3] * 2)).item() == 0


def test_what_an_objective_costs_repeats_when_all_its_terms_do() -> None:
    assert Objective([Weighted("a", R1(every=4)), Weighted("b", R2(every=6))]).period == 12


def test_an_objective_names_and_weights_its_terms_and_knows_whether_it_reads_reals() -> None:
    objective = Objective([Weighted("a", WassersteinCritic()), Weighted("b", Drift(), 0.5)])
    values = objective(_scores([1.0], [0.0]))
    assert {name: value.item() for name, value in values.items()} == {"a": -1.0, "b": 0.5}
    assert objective.reads_real
    assert not Objective([Weighted("a", WassersteinGenerator())]).reads_real


def test_judging_reals_and_fakes_in_one_call_gives_the_verdicts_of_two() -> None:
    game, discriminator = _round(double=False)
    joint = Round(discriminator, game.real, game.fake, 4, 0, game.uniform, joint=True)
    torch.testing.assert_close(joint.on_real.score, game.on_real.score)
    torch.testing.assert_close(joint.on_fake.score, game.on_fake.score)
    torch.testing.assert_close(joint.on_fake.features, game.on_fake.features)

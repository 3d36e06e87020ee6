"""Linear probes on made-up features, against what is to be made small and against counting."""

import numpy as np
import pytest
import torch

from progan.metrics import linear, probes
from progan.metrics.classification import confusion
from progan.metrics.linear import Kind, fit
from progan.metrics.probes import Known, Trial
from progan.random import generator
from progan.types import ConfigError

CLASSES, WIDTH = 4, 6
KINDS: tuple[Kind, ...] = ("svm", "logistic")

pytestmark = pytest.mark.usefixtures("one_thread")


def _clouds(images: int, seed: int, spread: float = 0.1) -> Known:
    """Around one place a class, far from the origin and of small extent."""
    draw, labels = generator(seed, "test-clouds", 0), torch.arange(images) % CLASSES
    places = torch.eye(CLASSES, WIDTH)
    return Known(100 + 0.01 * (places[labels] + spread * torch.randn(images, WIDTH, generator=draw)), labels)


def _objective(kind: Kind, known: Known, weights: torch.Tensor, biases: torch.Tensor) -> torch.Tensor:
    """What a fit with C = 3 makes small, written out."""
    scores = known.features.double() @ weights.T + biases
    penalty = weights.square().sum() / 2
    if kind == "logistic":
        return penalty + 3 * torch.nn.functional.cross_entropy(scores, known.labels, reduction="sum")
    signs = torch.where(known.labels.unsqueeze(1) == torch.arange(CLASSES), 1, -1)
    return penalty + biases.square().sum() / 2 + 3 * (1 - signs * scores).clamp(min=0).square().sum()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_fitted_makes_the_stated_sum_smallest(kind: Kind) -> None:
    known = _clouds(60, 0, spread=1.0)
    known = known._replace(features=100 * (known.features - 100))
    found = fit(kind, *known, c=3.0)
    assert found.converged
    weights, biases = (
        torch.tensor(values, dtype=torch.float64, requires_grad=True)
        for values in (found.estimator.coef_, found.estimator.intercept_)
    )
    least = _objective(kind, known, weights, biases)
    slopes = torch.autograd.grad(least, (weights, biases))
    assert all(slope.abs().max() < 0.02 * least.item() for slope in slopes)
    for step in (-0.05, 0.05):
        assert _objective(kind, known, (1 + step) * weights, biases) > least
        assert _objective(kind, known, weights, biases + step * torch.eye(CLASSES)[0]) > least


@pytest.mark.parametrize("kind", KINDS)
def test_separable_classes_are_told_apart_without_an_error(kind: Kind) -> None:
    learned, asked = _clouds(40, 0), _clouds(100, 1)
    found = probes.answer(kind, learned, asked.features, seed=0)
    assert torch.equal(found.labels, asked.labels)
    assert found.converged


@pytest.mark.parametrize("kind", KINDS)
def test_labels_that_mean_nothing_are_guessed(kind: Kind) -> None:
    learned, asked = _clouds(200, 0), _clouds(400, 1)
    nothing = learned.labels[torch.randperm(200, generator=generator(2, "test-shuffled", 0))]
    found = probes.answer(kind, Known(learned.features, nothing), asked.features, seed=0)
    assert abs((found.labels == asked.labels).float().mean() - 1 / CLASSES) < 0.15


def test_scaling_is_that_of_what_is_learned_from() -> None:
    learned = torch.randn(50, 3, generator=generator(0, "test-scaling", 0)) * torch.tensor([5.0, 0.1, 0.0]) + 7
    scaled = probes.scaling(learned)
    lengths = scaled(learned).square().sum(dim=1)
    assert scaled(learned).mean(dim=0).abs().max() < 1e-5
    assert lengths.mean() == pytest.approx(1)
    # One number for all: what varies little still does.
    assert float(scaled(learned)[:, 0].std() / scaled(learned)[:, 1].std()) == pytest.approx(
        float(learned[:, 0].std() / learned[:, 1].std()), rel=1e-4
    )
    root = float((learned - learned.mean(dim=0)).square().sum(dim=1).mean().sqrt())
    assert torch.allclose(scaled(learned + 9), scaled(learned) + 9 / root, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_does_not_depend_on_what_else_is_asked(kind: Kind) -> None:
    learned, asked = _clouds(40, 0, spread=0.5), _clouds(50, 1, spread=0.5).features
    far = torch.cat([asked, torch.full((50, WIDTH), 1e4)])
    alone, beside = (probes.answer(kind, learned, each, seed=0).labels for each in (asked, far))
    assert torch.equal(alone, beside[:50])


def test_subsets_are_even_repeatable_and_grow() -> None:
    labels = torch.randint(0, CLASSES, (400,), generator=generator(0, "test-labels", 0))
    some = probes.even_subset(labels, CLASSES, 30, seed=1)
    assert sorted(np.bincount(labels[some].numpy())) == [7, 7, 8, 8]
    assert len(set(some.tolist())) == 30
    assert np.array_equal(some, probes.even_subset(labels, CLASSES, 30, seed=1))
    assert not np.array_equal(some, probes.even_subset(labels, CLASSES, 30, seed=2))
    assert set(some.tolist()) < set(probes.even_subset(labels, CLASSES, 90, seed=1).tolist())
    with pytest.raises(ConfigError, match="--labels 396: the smallest of 4 classes has"):
        probes.even_subset(labels, CLASSES, 396, seed=1)


def test_scores_are_what_counting_gives() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 3])
    said = [torch.tensor([0, 0, 1, 1, 1, 2, 2, 0, 0, 0]), torch.tensor([0, 0, 0, 1, 0, 2, 2, 2, 2, 1])]
    trials = [
        Trial("pixels", 5, "svm", confusion(each, labels, CLASSES), c, True)
        for each, c in zip(said, (1.0, 10.0), strict=True)
    ]
    found = probes.score(trials, "abcd")
    everything = [(a, b) for each in said for a, b in zip(each.tolist(), labels.tolist(), strict=True)]
    for number, name in enumerate("abcd"):
        both = sum(a == b == number for a, b in everything)
        answered = sum(a == number for a, _ in everything)
        assert found["recall"][name] == both / sum(b == number for _, b in everything)
        assert found["precision"][name] == (both / answered if answered else None)
    assert found["precision"]["d"] is None
    assert found["accuracies"] == [0.6, 0.8]
    assert found["accuracy"] == pytest.approx(0.7)
    assert found["deviation"] == pytest.approx(0.2 / 2**0.5)
    assert found["c"] == [1.0, 10.0]
    assert probes.score(trials[:1], "abcd")["deviation"] is None


def test_the_penalty_is_chosen_by_images_held_out() -> None:
    """One useful feature among many that only allow to learn the examples by heart."""
    draw = generator(0, "test-noise", 0)
    labels = torch.randint(0, 2, (300,), generator=draw)
    noise = torch.randn(300, 200, generator=draw)
    noise[:, 0] += 2.0 * (2 * labels - 1)
    learned, asked = Known(noise[:100], labels[:100]), Known(noise[100:], labels[100:])
    found = probes.answer("logistic", learned, asked.features, seed=0)
    scaled = probes.scaling(learned.features)
    fitted = {c: fit("logistic", scaled(learned.features), learned.labels, c) for c in probes.GRID}
    right = {c: int((each.answers(scaled(asked.features)) == asked.labels).sum()) for c, each in fitted.items()}
    assert found.c in probes.GRID
    assert int((found.labels == asked.labels).sum()) == right[found.c] >= max(right.values()) - 6
    assert max(right.values()) - min(right.values()) > 6


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'progan\[probe\]'"):
        linear.require_scikit_learn()

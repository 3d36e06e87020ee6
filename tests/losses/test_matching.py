"""The discriminator's loss on real images with wrong texts, against the formula written out."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from progan.losses.matching import MatchingAware, wrong_labels
from progan.losses.objective import Objective, Round, Weighted
from progan.types import Batch, Verdict


def _judge(images: Tensor, labels: Tensor) -> Verdict:
    """A score that depends on both: images N2, labels N2."""
    return Verdict((images * (labels + 0.5)).sum(dim=1))


def _loss(real: Batch, fake: Batch) -> Tensor:
    objective = Objective([Weighted("logistic", MatchingAware())])
    assert objective.reads_real
    return objective(Round(_judge, real, fake, len(real.labels), 0, lambda stream: torch.zeros(2)))["logistic"]


def _mean_log(scores: list[float]) -> float:
    return sum(math.log(1 / (1 + math.exp(-score))) for score in scores) / len(scores) if scores else 0.0


def _score(image: Tensor, label: Tensor) -> float:
    return float((image * (label + 0.5)).sum())


@pytest.mark.parametrize("rows", [[[0, 1], [0, 1], [1, 0], [1, 1]], [[0, 1], [0, 1], [0, 1]]], ids=["some", "none"])
def test_the_term_is_the_published_formula_over_right_and_wrong_texts(rows: list[list[int]]) -> None:
    torch.manual_seed(0)
    real, fake = (Batch(torch.randn(len(rows), 2), torch.tensor(rows)) for _ in range(2))
    wrong = []
    for image, place in zip(real.images, range(len(rows)), strict=True):
        circle = itertools.chain(rows[place + 1 :], rows[:place])
        wrong += [-_score(image, torch.tensor(row)) for row in circle if row != rows[place]][:1]
    right = [_score(*sample) for sample in zip(real.images, real.labels, strict=True)]
    generated = [-_score(*sample) for sample in zip(fake.images, fake.labels, strict=True)]
    expected = -_mean_log(right) - (_mean_log(wrong) + _mean_log(generated)) / 2
    assert _loss(real, fake).item() == pytest.approx(expected, rel=1e-5)


def test_a_batch_of_equal_or_unknown_labels_has_finite_gradients() -> None:
    for rows in ([[1, 0], [1, 0]], [[-1, -1], [1, 0]], [[1, 1]]):
        images = torch.randn(len(rows), 2, requires_grad=True)
        labels = torch.tensor(rows)
        _loss(Batch(images, labels), Batch(torch.randn(len(rows), 2), labels)).backward()
        assert images.grad is not None
        assert images.grad.isfinite().all()
        assert not wrong_labels(labels).found.any()


def test_wrong_labels_are_those_of_others_and_always_differ() -> None:
    torch.manual_seed(0)
    labels = (torch.rand(200, 3) < 0.1).long()
    wrong, found = wrong_labels(labels)
    assert found.all()
    assert (wrong != labels).any(dim=1).all()
    assert {tuple(row) for row in wrong.tolist()} <= {tuple(row) for row in labels.tolist()}
    assert len({tuple(row) for row in wrong.tolist()}) > 2

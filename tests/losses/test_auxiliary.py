import pytest
import torch
from torch import Tensor

from progan.losses.auxiliary import FeatureMatching, Supervised
from progan.losses.objective import Objective, Round, Weighted
from progan.types import UNLABELLED, Batch, Verdict


def _featured(images: Tensor, labels: Tensor) -> Verdict:
    """Whose features and logits are the images themselves, NF."""
    return Verdict(images.sum(dim=1), images, images)


def _batch(rows: list[list[float]], labels: list[int] | None = None) -> Batch:
    return Batch(torch.tensor(rows), torch.tensor(labels or [UNLABELLED] * len(rows)))


def _round(real: Batch, fake: Batch, labelled: Batch | None = None) -> Round:
    return Round(_featured, real, fake, 2, 0, lambda stream: torch.zeros(2), labelled=labelled)


def test_feature_matching_compares_means_and_leaves_the_spread_alone() -> None:
    real, fake = _batch([[1.0, 0.0], [3.0, 4.0]]), _batch([[0.0, 1.0], [0.0, 2.0]])  # means 2, 2 and 0, 1.5
    assert FeatureMatching()(_round(real, fake)).item() == pytest.approx((2**2 + 0.5**2) / 2)
    assert FeatureMatching()(_round(real, _batch([[2.0, 2.0], [2.0, 2.0]]))).item() == 0


def test_feature_matching_says_that_it_reads_reals_and_needs_features() -> None:
    assert Objective([Weighted("feature_matching", FeatureMatching())]).reads_real
    batch = _batch([[1.0]])
    blind = Round(lambda images, labels: Verdict(images[:, 0]), batch, batch, 1, 0, lambda stream: torch.zeros(1))
    with pytest.raises(ValueError, match="shows its features"):
        FeatureMatching()(blind)


def test_supervised_learning_takes_the_labelled_batch_alone_and_without_labels_is_zero() -> None:
    other = _batch([[9.0, -9.0], [9.0, -9.0]], [1, 1])
    labelled = _batch([[2.0, 0.0], [0.0, 1.0]], [0, 0])
    expected = torch.nn.functional.cross_entropy(labelled.images, labelled.labels)
    torch.testing.assert_close(Supervised()(_round(other, other, labelled)), expected)
    unlabelled = Batch(labelled.images.clone().requires_grad_(), torch.tensor([UNLABELLED, UNLABELLED]))
    loss = Supervised()(_round(other, other, unlabelled))
    loss.backward()
    assert loss.item() == 0
    assert unlabelled.images.grad is not None
    assert unlabelled.images.grad.abs().sum().item() == 0

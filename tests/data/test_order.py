import numpy as np
import pytest
import torch

from progan.data.reading.order import Balanced, Numbers, Order, Shuffled, labelled_subset
from progan.types import DataError

LABELS = torch.tensor([0] * 17 + [1] * 3 + [2] * 8 + [-1] * 4)
PHASES = [(16, 5), (8, 12), (24, 9)]  # (global batch, rounds)


def orders() -> list[Order]:
    return [Shuffled(37, seed=3), Balanced(LABELS, 3, seed=3)]


def consumed(order: Order, world: int) -> Numbers:
    """What `world` processes see together over the phases, in the order of positions."""
    rows, position = [], 0
    for batch, rounds in PHASES:
        share = batch // world
        for _ in range(rounds):
            positions = np.arange(position, position + batch)
            rows += [order.rows(positions[rank * share : (rank + 1) * share]) for rank in range(world)]
            position += batch
    return np.concatenate(rows)


@pytest.mark.parametrize("kind", [0, 1])
def test_no_sample_is_repeated_or_skipped_at_any_world_size_and_batch(kind: int) -> None:
    whole = orders()[kind].rows(np.arange(sum(batch * rounds for batch, rounds in PHASES)))
    for world in (1, 2, 4, 8):
        assert np.array_equal(consumed(orders()[kind], world), whole)


@pytest.mark.parametrize("kind", [0, 1])
def test_a_row_is_a_function_of_the_position_alone(kind: int) -> None:
    running = orders()[kind]
    whole = running.rows(np.arange(400))
    for position in (399, 0, 57, 398, 12):
        assert orders()[kind].rows(np.array([position])).item() == whole[position].item()


def test_every_epoch_is_a_permutation_of_its_own() -> None:
    epochs = Shuffled(37, 1).rows(np.arange(5 * 37)).reshape(5, 37)
    assert all(sorted(epoch.tolist()) == list(range(37)) for epoch in epochs)
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 5


def test_a_balanced_order_shows_each_class_once_a_block() -> None:
    rows = Balanced(LABELS, 3, 1).rows(np.arange(3 * 100))
    assert all(sorted(block.tolist()) == [0, 1, 2] for block in LABELS[rows].view(100, 3))


def test_a_balanced_order_shows_all_of_a_class_before_any_again() -> None:
    rows = Balanced(LABELS, 3, 1).rows(np.arange(3 * 3 * 17 * 8))
    for label, size in enumerate((17, 3, 8)):
        shown = rows[LABELS[rows].numpy() == label]
        for epoch in shown.reshape(-1, size):
            assert sorted(epoch.tolist()) == (label == LABELS).nonzero().flatten().tolist()


def test_seeds_give_different_orders() -> None:
    positions = np.arange(37)
    assert not np.array_equal(Shuffled(37, 1).rows(positions), Shuffled(37, 2).rows(positions))
    assert not np.array_equal(Balanced(LABELS, 3, 1).rows(positions), Balanced(LABELS, 3, 2).rows(positions))


def test_a_labelled_subset_keeps_as_many_of_each_class() -> None:
    subset = labelled_subset(LABELS, 3, each=2, seed=5)
    kept = subset >= 0
    assert torch.equal(subset[kept], LABELS[kept])
    assert [int((subset == label).sum()) for label in range(3)] == [2, 2, 2]
    assert torch.equal(subset, labelled_subset(LABELS, 3, 2, 5))
    assert not torch.equal(subset, labelled_subset(LABELS, 3, 2, 6))


def test_a_class_with_too_few_images_is_named() -> None:
    with pytest.raises(DataError, match="labelled_per_class: 4, but class 1 has 3 images"):
        labelled_subset(LABELS, 3, 4, 0)
    with pytest.raises(DataError, match="class 3 has no labelled image"):
        Balanced(LABELS, 4, 0)

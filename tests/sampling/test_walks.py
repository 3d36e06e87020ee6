import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from progan.sampling.walks import class_labels, collinear, direction, lerp, slerp
from progan.types import LabelSpace

PATHS = pytest.mark.parametrize("path", [lerp, slerp])
Path = Callable[..., Tensor]


def anchors(count: int, dim: int = 64) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(count))


@PATHS
def test_an_open_walk_passes_its_anchors_at_equal_intervals(path: Path) -> None:
    points = anchors(4)
    walk = path(points, 10)
    assert walk.shape == (10, 64)
    torch.testing.assert_close(walk[::3], points)


@PATHS
def test_a_closed_walk_repeats_without_a_break(path: Path) -> None:
    points = anchors(3)
    walk = path(points, 12, True)
    torch.testing.assert_close(walk[::4], points)
    back = path(points[[2, 0]], 5)
    torch.testing.assert_close(walk[8:], back[:4])


def test_lerp_is_the_weighted_mean_of_two_anchors() -> None:
    one, other = anchors(2)
    torch.testing.assert_close(lerp(anchors(2), 5)[3], 0.25 * one + 0.75 * other)


def test_slerp_agrees_with_the_formula_of_shoemake() -> None:
    one, other = anchors(2).double().numpy()
    one, other = one / np.linalg.norm(one), other / np.linalg.norm(other)
    angle = math.acos(one @ other)
    expected = [
        (math.sin((1 - t) * angle) * one + math.sin(t * angle) * other) / math.sin(angle) for t in np.linspace(0, 1, 7)
    ]
    walk = slerp(torch.from_numpy(np.stack([one, other])), 7)
    np.testing.assert_allclose(walk.numpy(), np.stack(expected), atol=1e-6)


def test_slerp_keeps_lengths_between_those_of_the_anchors_and_turns_evenly() -> None:
    points = anchors(2, 512)
    walk = slerp(points, 9)
    torch.testing.assert_close(walk.norm(dim=1), torch.linspace(*points.norm(dim=1).tolist(), 9))
    cosines = torch.cosine_similarity(walk[1:], walk[:-1], dim=1)
    torch.testing.assert_close(cosines, cosines[:1].expand(8))
    assert lerp(points, 9)[4].norm() < 0.8 * walk[4].norm()


@PATHS
def test_a_walk_between_equal_anchors_stands_still(path: Path) -> None:
    point = anchors(1)
    torch.testing.assert_close(path(point.repeat(2, 1), 5), point.repeat(5, 1))
    torch.testing.assert_close(path(point, 5), point.repeat(5, 1))


def test_a_collinear_walk_adds_the_same_to_all_coordinates() -> None:
    torch.testing.assert_close(collinear(4, 2), torch.tensor([[-0.05, -0.05], [0.0, 0.0], [0.05, 0.05], [0.1, 0.1]]))


def test_a_direction_is_uniform_and_added_at_each_step() -> None:
    start = torch.randn(20_000, generator=torch.Generator().manual_seed(1))
    walk = direction(start, 4, seed=7)
    added = walk.diff(dim=0)
    assert torch.equal(walk[0], start)
    torch.testing.assert_close(added, added[:1].expand(3, -1), atol=1e-6, rtol=0)
    assert added.abs().max() <= 0.05 + 1e-6
    # Mean and standard deviation of U(-0.05, 0.05), within five standard errors.
    assert abs(added[0].mean()) < 5 * 0.0289 / math.sqrt(20_000)
    assert added[0].std() == pytest.approx(0.05 / math.sqrt(3), rel=0.02)
    assert torch.equal(direction(start, 2, seed=7), walk[:2])
    assert not torch.equal(direction(start, 2, seed=8), walk[:2])


def test_a_walk_through_classes_gives_each_an_equal_share() -> None:
    assert class_labels(6, LabelSpace(3)).tolist() == [0, 0, 1, 1, 2, 2]
    assert class_labels(3, LabelSpace(3)).tolist() == [0, 1, 2]
    assert class_labels(3, LabelSpace(2, combinations=("00", "11"))).tolist() == [[0, 0], [1, 0], [0, 1]]

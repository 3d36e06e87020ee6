import torch
from torch import Tensor

from progan.metrics.kmeans import centres, nearest
from progan.random import generator


def blobs(count: int, each: int, size: int = 6) -> tuple[Tensor, Tensor]:
    """(points, middles): `each` points close around every middle."""
    middles = 10 * torch.randn(count, size, generator=generator(0, "middles", count))
    noise = torch.randn(count * each, size, generator=generator(0, "noise", each))
    return middles.repeat_interleave(each, dim=0) + 0.1 * noise, middles


def noise(count: int) -> Tensor:
    return torch.rand(count, 3, generator=generator(0, "points", count))


def test_separate_heaps_are_found_whatever_the_draws() -> None:
    points, middles = blobs(12, 20)
    for seed in range(5):
        found = centres(points, 12, generator(seed, "draws", 0))
        distances = torch.cdist(middles, found)
        assert sorted(distances.argmin(dim=1).tolist()) == list(range(12))
        assert distances.min(dim=1).values.max() < 0.2


def test_each_centre_is_the_mean_of_the_points_it_is_nearest_to() -> None:
    points = noise(300)
    found = centres(points, 7, generator(0, "draws", 0))
    belongs = torch.tensor([min(range(7), key=lambda k: float((point - found[k]).norm())) for point in points])
    assert torch.equal(nearest(points, found), belongs)
    for number in range(7):
        torch.testing.assert_close(found[number], points[belongs == number].mean(dim=0))


def test_the_same_draws_give_the_same_centres() -> None:
    first, second, other = (centres(noise(200), 9, generator(seed, "draws", 0)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_fewer_different_points_than_centres_are_no_obstacle() -> None:
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0]]).repeat(10, 1)
    found = centres(points, 4, generator(0, "draws", 0))
    assert {tuple(centre) for centre in found.tolist()} == {(0.0, 0.0), (1.0, 0.0)}

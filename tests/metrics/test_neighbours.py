import pytest
import torch
from torch import Tensor

from progan.data.synthetic import draw_face
from progan.metrics.neighbours import (
    COPIES,
    DISTINCT,
    NEAR,
    Neighbours,
    NumberedDraw,
    Space,
    feature_space,
    find,
    pixel_space,
)
from progan.random import generator
from progan.types import DataError

COUNT = 150  # batches of 64, 64 and 22
PIXELS = pixel_space(torch.device("cpu"))


def painted(count: int, resolution: int = 16, first: int = 0) -> Tensor:
    faces = [torch.from_numpy(draw_face(0, first + index, resolution).image) for index in range(count)]
    return torch.stack(faces).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def faces() -> Tensor:
    return painted(COUNT)


@pytest.fixture(scope="module")
def samples() -> Tensor:
    return painted(5, first=1000)


def numbers(images: Tensor) -> Tensor:
    """Of the images of a sequence in the set: another order than the sequence's."""
    return torch.randperm(len(images), generator=generator(0, "numbers", 0))


def sequence(images: Tensor) -> NumberedDraw:
    return lambda start, count: (images[start : start + count], numbers(images)[start : start + count])


def found(generated: Tensor, images: Tensor, mirror: bool = True, space: Space = PIXELS) -> Neighbours:
    (only,) = find(generated, sequence(images), len(images), [space], mirror, lambda done, total: None)
    return only


def distances(first: Tensor, second: Tensor) -> Tensor:
    """Root mean square differences of all pairs, N x M."""
    apart = torch.cdist(
        first.flatten(1).double(), second.flatten(1).double(), compute_mode="donot_use_mm_for_euclid_dist"
    )
    return apart / first[0].numel() ** 0.5


@pytest.mark.parametrize("mirror", [True, False])
def test_the_nearest_are_those_of_the_whole_matrix_of_distances(faces: Tensor, samples: Tensor, mirror: bool) -> None:
    plain, flipped = distances(samples, faces), distances(samples, faces.flip(3))
    expected = (torch.minimum(plain, flipped) if mirror else plain).sort(dim=1)
    result = found(samples, faces, mirror)
    torch.testing.assert_close(result.nearest.distances, expected.values[:, :50])
    assert torch.equal(result.nearest.positions, expected.indices[:, :50])
    assert torch.equal(result.nearest.mirrored, mirror & (flipped < plain).gather(1, expected.indices[:, :50]))
    assert result.nearest.positions.max() >= 128  # of the last batch, too
    real = (
        torch.minimum(distances(faces, faces), distances(faces, faces.flip(3))) if mirror else distances(faces, faces)
    )
    others = real.fill_diagonal_(torch.inf)[:80].min(dim=1).values
    median = expected.values[:, 0].median()
    assert result.judgement.percentile == pytest.approx(100 * (others < median).double().mean())
    assert result.judgement.real_distances["50"] == pytest.approx(float(others.quantile(0.5)))
    assert result.judgement.verdict == DISTINCT


def test_larger_images_are_compared_at_64_px() -> None:
    images, generated = painted(4, 128), painted(1, 128, first=1000)
    small = torch.nn.functional.avg_pool2d(images.double(), 2), torch.nn.functional.avg_pool2d(generated.double(), 2)
    expected = distances(small[1], small[0]).sort(dim=1).values[:, :3]
    torch.testing.assert_close(found(generated, images, mirror=False).nearest.distances, expected)


def test_copies_are_found_at_no_distance_and_called_so(faces: Tensor) -> None:
    copied = [3, 63, 64, 127, 149]
    result = found(faces[copied], faces, mirror=False)
    assert result.nearest.positions[:, 0].tolist() == copied
    assert result.nearest.distances[:, 0].tolist() == [0.0] * 5
    assert (result.judgement.verdict, result.judgement.percentile) == (COPIES, 0.0)


def test_mirrored_copies_are_found_where_training_mirrors(faces: Tensor) -> None:
    flipped = faces[[10, 100]].flip(3)
    result = found(flipped, faces)
    assert result.nearest.positions[:, 0].tolist() == [10, 100]
    assert result.nearest.mirrored[:, 0].all()
    assert (result.nearest.distances[:, 0].max(), result.judgement.verdict) == (0, COPIES)
    assert found(flipped, faces, mirror=False).judgement.verdict == DISTINCT


def test_slightly_changed_copies_are_copies_still(faces: Tensor) -> None:
    noise = torch.randint(-6, 7, (5, *faces.shape[1:]), generator=generator(0, "noise", 0))
    changed = (faces[:5].int() + noise).clamp(0, 255).byte()
    assert found(changed, faces).judgement.verdict == COPIES


def test_a_blurred_image_is_near_to_many_and_a_copy_of_none() -> None:
    noise = torch.randint(0, 256, (100, 3, 8, 8), dtype=torch.uint8, generator=generator(0, "noise", 1))
    result = found(noise.float().mean(dim=0, keepdim=True).round().byte(), noise)
    assert (result.judgement.verdict, result.judgement.percentile) == (NEAR, 0.0)
    assert result.judgement.standout > 0.8


def test_an_image_that_is_twice_in_the_set_is_its_own_neighbour(faces: Tensor, samples: Tensor) -> None:
    result = found(samples, torch.cat((faces[:40], faces[:40].flip(3))))
    assert result.judgement.real_distances["90"] == 0


def test_the_smallest_set_has_neighbours(faces: Tensor, samples: Tensor) -> None:
    result = found(samples, faces[:2])
    assert result.nearest.distances.shape == (5, 1)
    assert result.judgement.real_distances["50"] > 0


def test_copies_of_an_image_that_is_everywhere_are_copies(faces: Tensor) -> None:
    assert found(faces[:1], faces[:1].expand(10, -1, -1, -1)).judgement.verdict == COPIES


def test_copies_are_found_in_the_space_of_features(faces: Tensor, samples: Tensor) -> None:
    weights = torch.randn(faces[0].numel(), 20, generator=generator(0, "weights", 0))

    def features(images: Tensor) -> Tensor:
        return (images.flatten(1) / 255 @ weights).relu()

    space = feature_space(features, "a small network")
    result = found(samples, faces, mirror=False, space=space)
    expected = distances(features(samples), features(faces)).sort(dim=1)
    torch.testing.assert_close(result.nearest.distances, expected.values[:, :50], rtol=1e-5, atol=0)
    copied = found(faces[[2, 99]].flip(3), faces, space=space)
    assert copied.nearest.positions[:, 0].tolist() == [2, 99]
    assert copied.judgement.verdict == COPIES


def test_a_feature_that_is_no_number_is_refused(samples: Tensor, faces: Tensor) -> None:
    space = feature_space(lambda images: images.flatten(1) / 0 * 0, "a broken network")
    with pytest.raises(DataError, match="not finite; check the weights file"):
        found(samples, faces, space=space)

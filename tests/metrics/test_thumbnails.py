import pytest
import torch
from torch import Tensor

from progan.metrics.gathering import feed
from progan.metrics.thumbnails import ThumbnailGathering
from progan.random import generator


def images(count: int, resolution: int) -> Tensor:
    shape = (count, 3, resolution, resolution)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator(0, "images", resolution))


def gathered(sequence: Tensor, batch: int) -> Tensor:
    gathering = ThumbnailGathering(sequence.shape[-1], len(sequence), torch.device("cpu"))
    feed(gathering, sequence, batch)
    return gathering.finish()


@pytest.mark.parametrize("resolution", [16, 32, 256])
def test_each_pixel_is_the_mean_of_its_square(resolution: int) -> None:
    sequence, side = images(3, resolution), resolution // 16
    thumbnails = gathered(sequence, 2).view(3, 3, 16, 16)
    for row, column in ((0, 0), (3, 15), (15, 7)):
        square = sequence[:, :, row * side : (row + 1) * side, column * side : (column + 1) * side]
        expected = square.double().mean(dim=(2, 3)) / 127.5 - 1
        torch.testing.assert_close(thumbnails[:, :, row, column].double(), expected, rtol=0, atol=2e-7)


def test_small_images_are_kept_whole() -> None:
    sequence = images(3, 4)
    assert torch.equal(gathered(sequence, 3), sequence.flatten(1) / 127.5 - 1)


@pytest.mark.parametrize("resolution", [28, 48])
def test_other_sizes_than_powers_of_two_have_thumbnails_too(resolution: int) -> None:
    sequence = (
        images(2, resolution).float().mean(dim=(2, 3), keepdim=True).byte().expand(-1, -1, resolution, resolution)
    )
    thumbnails = gathered(sequence, 2)
    assert thumbnails.shape == (2, 768)
    torch.testing.assert_close(thumbnails[:, 0], sequence[:, 0, 0, 0] / 127.5 - 1)


def test_thumbnails_do_not_depend_on_the_batches() -> None:
    sequence = images(10, 32)
    assert torch.equal(gathered(sequence, 10), gathered(sequence, 4))

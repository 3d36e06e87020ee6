import numpy as np
import torch

from progan.data.reals import to_reals


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_reals_span_minus_one_to_one() -> None:
    images = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    reals = to_reals(images, mirror=None, fade=1.0)
    assert reals.dtype == torch.float32
    assert reals[0].eq(-1).all()
    assert reals[1].eq(1).all()


def test_only_the_marked_images_are_mirrored() -> None:
    images = torch.from_numpy(np.stack([noise(4, 4, 1), noise(4, 4, 2)])).permute(0, 3, 1, 2)
    plain = to_reals(images, None, 1.0)
    mirrored = to_reals(images, torch.tensor([False, True]), 1.0)
    assert torch.equal(mirrored[0], plain[0])
    assert torch.equal(mirrored[1], plain[1].flip(-1))


def test_a_fading_real_is_lerped_with_its_coarse_version() -> None:
    images = torch.tensor([[0, 51], [102, 255]], dtype=torch.uint8).expand(1, 3, 2, 2)
    fine = torch.tensor([[-1.0, -0.6], [-0.2, 1.0]]).expand(1, 3, 2, 2)
    coarse = torch.full((1, 3, 2, 2), -0.2)  # the mean of the four
    torch.testing.assert_close(to_reals(images, None, 1.0), fine)
    torch.testing.assert_close(to_reals(images, None, 0.0), coarse)
    torch.testing.assert_close(to_reals(images, None, 0.5), (fine + coarse) / 2)

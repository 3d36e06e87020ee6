import numpy as np
import torch

from progan.nn.minibatch import MinibatchStddev
from progan.nn.norm import PixelNorm


def test_pixel_norm_gives_every_pixel_unit_mean_square() -> None:
    y = PixelNorm()(torch.randn(2, 16, 4, 4) * 7)
    torch.testing.assert_close(y.square().mean(dim=1), torch.ones(2, 4, 4))


def test_pixel_norm_of_zero_is_zero_and_of_half_precision_does_not_overflow() -> None:
    assert not PixelNorm()(torch.zeros(1, 8)).any()
    assert PixelNorm()(torch.full((1, 8), 6e4, dtype=torch.float16)).isfinite().all()


def test_minibatch_stddev_is_numpys_over_consecutive_groups() -> None:
    x = torch.randn(8, 3, 4, 4)
    y = MinibatchStddev(4)(x)
    assert y.shape == (8, 4, 4, 4)
    torch.testing.assert_close(y[:, :3], x)
    for group in (0, 1):
        expected = np.sqrt(x[4 * group : 4 * group + 4].numpy().var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(y[4 * group : 4 * group + 4, 3].numpy(), expected, rtol=1e-5)


def test_minibatch_stddev_groups_do_not_see_one_another() -> None:
    x = torch.randn(8, 3, 4, 4)
    torch.testing.assert_close(MinibatchStddev(4)(x)[4:], MinibatchStddev(4)(x[4:]))


def test_minibatch_stddev_has_a_gradient_for_a_group_of_equal_samples() -> None:
    x = torch.ones(4, 2, 4, 4, requires_grad=True)
    MinibatchStddev(4)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()

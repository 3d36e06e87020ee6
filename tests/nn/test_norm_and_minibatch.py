import numpy as np
import torch

from progan.nn.minibatch import MinibatchDiscrimination, MinibatchStddev
from progan.nn.norm import PixelNorm, VirtualBatchNorm


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


def test_minibatch_discrimination_is_a_sum_over_the_other_samples() -> None:
    layer, x = MinibatchDiscrimination(5, kernels=3, size=2).double(), torch.randn(4, 5, dtype=torch.float64)
    rows = (x.numpy() @ layer.tensor.weight.detach().numpy().T).reshape(4, 3, 2)
    expected = np.zeros((4, 3))
    for i, j in np.ndindex(4, 4):
        if i != j:
            expected[i] += np.exp(-np.abs(rows[i] - rows[j]).sum(axis=1))
    y = layer(x)
    torch.testing.assert_close(y[:, :5], x)
    np.testing.assert_allclose(y[:, 5:].detach().numpy(), expected, rtol=1e-12)


def test_minibatch_discrimination_shows_equal_samples_as_the_nearest_and_one_alone_as_far() -> None:
    layer, x = MinibatchDiscrimination(5, kernels=3, size=2), torch.randn(4, 5)
    collapsed = layer(x[:1].expand(4, -1))[:, 5:]
    torch.testing.assert_close(collapsed, torch.full((4, 3), 3.0))
    assert (layer(x)[:, 5:] < collapsed).all()
    torch.testing.assert_close(layer(x[:1])[:, 5:], torch.zeros(1, 3))


def _virtual_batch_norm() -> VirtualBatchNorm:
    layer = VirtualBatchNorm(3, reference=4).double()
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    return layer


def test_virtual_batch_norm_refers_to_the_reference_batch_and_the_sample_itself() -> None:
    layer, x = _virtual_batch_norm(), 3 + 2 * torch.randn(6, 3, 5, 5, dtype=torch.float64)
    reference, weight, bias = x[:4].numpy(), layer.weight.detach().numpy(), layer.bias.detach().numpy()
    for sample, normalised in zip(x.numpy(), layer(x).detach().numpy(), strict=True):
        seen = reference if any(np.array_equal(sample, row) for row in reference) else [*reference, sample]
        for c in range(3):
            values = np.stack([row[c] for row in seen])
            expected = (sample[c] - values.mean()) / np.sqrt(values.var() + 1e-5) * weight[c] + bias[c]
            np.testing.assert_allclose(normalised[c], expected, rtol=1e-9)


def test_virtual_batch_norm_of_a_sample_does_not_depend_on_the_others() -> None:
    layer, x = _virtual_batch_norm(), torch.randn(7, 3, 5, 5, dtype=torch.float64)
    alone = [layer(torch.cat([x[:4], sample[None]]))[4] for sample in x[4:]]
    for mode in (True, False):
        torch.testing.assert_close(layer.train(mode)(x)[4:], torch.stack(alone))
    torch.testing.assert_close(
        layer(x)[:4], torch.nn.functional.batch_norm(x[:4], None, None, layer.weight, layer.bias, training=True)
    )


def test_virtual_batch_norm_of_half_precision_is_finite_where_squares_overflow() -> None:
    x = torch.full((3, 1, 2, 2), 1e4, dtype=torch.float16)
    x[:, :, 0] = -1e4
    y = VirtualBatchNorm(1, reference=2)(x)
    assert y.dtype == torch.float16
    torch.testing.assert_close(y.float().abs(), torch.ones(3, 1, 2, 2), atol=1e-2, rtol=0)

import torch

from progan.nn.noise import GaussianNoise


def test_noise_has_its_deviation_in_training_and_is_absent_in_evaluation() -> None:
    torch.manual_seed(0)
    layer, x = GaussianNoise(0.3), torch.rand(100, 200)
    added = layer(x) - x
    assert abs(added.mean().item()) < 0.3 * 4 / 20_000**0.5
    assert abs(added.std().item() - 0.3) < 0.3 * 4 / 40_000**0.5
    assert not torch.equal(layer(x), layer(x))
    assert torch.equal(layer.eval()(x), x)

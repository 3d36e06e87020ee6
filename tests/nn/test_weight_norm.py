import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from progan.nn.noise import GaussianNoise
from progan.nn.weight_norm import normalise_weights, standardise


def _dense() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))


def _gives(network: nn.Sequential, x: Tensor) -> list[Tensor]:
    """What every layer gives."""
    outputs = []
    for layer in network:
        x = layer(x)
        outputs.append(x)
    return outputs


def test_the_weights_keep_their_directions_and_begin_with_length_one() -> None:
    network = _dense()
    before = copy.deepcopy(network)
    normalise_weights(network)
    for layer in (0, 2):
        expected = F.normalize(before[layer].weight, dim=1)
        torch.testing.assert_close(network[layer].weight, expected)


def test_lengths_that_do_not_learn_stay_one_whatever_the_directions_do() -> None:
    network = _dense()
    normalise_weights(network, learn_lengths=False)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        network(torch.randn(8, 6)).square().mean().backward()
        optimizer.step()
    torch.testing.assert_close(network[0].weight.norm(dim=1), torch.ones(5))


def test_after_standardising_every_unit_has_mean_zero_and_deviation_one_over_the_batch() -> None:
    network, x = _dense(), torch.randn(200, 6) * 3 + 1
    normalise_weights(network)
    standardise(network, x)
    for output in _gives(network, x)[::2]:
        torch.testing.assert_close(output.mean(dim=0), torch.zeros(output.shape[1]), rtol=0, atol=1e-5)
        torch.testing.assert_close(output.std(dim=0, correction=0), torch.ones(output.shape[1]), rtol=0, atol=1e-5)


def test_convolutions_are_standardised_over_samples_and_places() -> None:
    torch.manual_seed(0)
    network, x = nn.Sequential(nn.Conv2d(3, 4, 3)), torch.randn(20, 3, 8, 8)
    normalise_weights(network)
    torch.testing.assert_close(network[0].weight.flatten(1).norm(dim=1), torch.ones(4))
    standardise(network, x)
    output = network(x)
    torch.testing.assert_close(output.mean(dim=(0, 2, 3)), torch.zeros(4), rtol=0, atol=1e-5)
    torch.testing.assert_close(output.std(dim=(0, 2, 3), correction=0), torch.ones(4), rtol=0, atol=1e-5)


def test_a_unit_that_hardly_varies_is_not_blown_up() -> None:
    network = _dense()
    normalise_weights(network)
    standardise(network, torch.ones(7, 6))
    assert max(parameter.abs().max().item() for parameter in network.parameters()) < 1e4


def test_layers_with_plain_weights_are_left_alone() -> None:
    network = nn.Sequential(nn.Linear(6, 5), GaussianNoise(1.0))
    before = copy.deepcopy(network.state_dict())
    standardise(network, torch.randn(9, 6))
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())

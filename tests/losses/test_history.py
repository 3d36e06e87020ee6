import numpy as np
import pytest
import torch
from torch import Tensor, nn

from progan.losses.history import HistoricalAverage
from progan.losses.objective import Round
from progan.types import Batch, Verdict


def _round(images_seen: int) -> Round:
    nothing = Batch(torch.zeros(4, 1), torch.zeros(4, dtype=torch.long))

    def judge(images: Tensor, labels: Tensor) -> Verdict:
        return Verdict(images[:, 0])

    return Round(judge, None, nothing, 4, images_seen, lambda stream: torch.zeros(4))


def _moved(network: nn.Module, round_: int) -> None:
    """Its parameters at a round's beginning."""
    numbers = torch.Generator().manual_seed(round_)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=numbers))


def test_it_is_the_distance_to_the_mean_over_the_rounds_however_often_a_round_asks() -> None:
    network = nn.Linear(3, 2)
    term, past = HistoricalAverage(network), []
    for round_, plays in enumerate((2, 1, 3, 1)):
        _moved(network, round_)
        past.append(np.concatenate([p.detach().numpy().ravel() for p in network.parameters()]))
        for _ in range(plays):
            current = np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])
            expected = ((current - np.mean(past, axis=0)) ** 2).sum()
            assert term(_round(4 * round_)).item() == pytest.approx(expected, rel=1e-5, abs=1e-9)
            _moved(network, 100 + round_)  # a step within the round


def test_its_gradient_pulls_to_the_mean_which_stands_still() -> None:
    network = nn.Linear(3, 2)
    term = HistoricalAverage(network)
    term(_round(0))
    before = network.weight.detach().clone()
    _moved(network, 1)
    term(_round(4)).backward()
    mean = (before + network.weight.detach()) / 2
    assert network.weight.grad is not None
    torch.testing.assert_close(network.weight.grad, 2 * (network.weight.detach() - mean))


def test_the_network_is_no_part_of_it_but_its_past_is() -> None:
    network = nn.Linear(3, 2)
    term = HistoricalAverage(network)
    assert not list(term.parameters())
    for round_ in range(3):
        _moved(network, round_)
        term(_round(4 * round_))
    other = HistoricalAverage(network)
    other.load_state_dict(term.state_dict())
    _moved(network, 3)
    for game in (_round(8), _round(12)):  # a round it knows already, and the next one
        assert torch.equal(other(game), term(game))

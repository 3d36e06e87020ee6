"""A player's own past."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from progan.losses.objective import Round, Term


class HistoricalAverage(Term):
    """|theta - mean of past theta|^2, over all parameters of a player (arXiv 1606.03498, section 3.3).

    The mean is of the parameters at the beginning of each round so far, this one's included, and has no gradient.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        # A function, not the network: as a submodule it would be part of the term's state.
        self._parameters_of_player: Callable[[], Iterable[Tensor]] = network.parameters
        for number, parameter in enumerate(network.parameters()):
            self.register_buffer(f"mean_{number}", torch.zeros_like(parameter, requires_grad=False))
        self.register_buffer("rounds", torch.zeros(()))  # that the mean is of
        self.register_buffer("latest", torch.full((), -1))  # images seen before the last of them
        self.rounds: Tensor
        self.latest: Tensor

    def forward(self, game: Round) -> Tensor:
        parameters = list(self._parameters_of_player())
        means = [self.get_buffer(f"mean_{number}") for number in range(len(parameters))]
        self._remember(parameters, means, game.images_seen)
        distances = [(own - mean).square().sum() for own, mean in zip(parameters, means, strict=True)]
        return torch.stack(distances).sum()

    @torch.no_grad()
    def _remember(self, parameters: list[Tensor], means: list[Tensor], images_seen: int) -> None:
        """Once a round, however many plays and parts it has. Reading `latest` would stop the device."""
        new = (self.latest != images_seen).float()
        self.latest.fill_(images_seen)
        self.rounds += new
        for own, mean in zip(parameters, means, strict=True):
            mean.lerp_(own, new / self.rounds)

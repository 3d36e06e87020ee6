"""One player's update: forward, backward, averaging over ranks, optimizer step."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from progan.distributed.averaging import average_gradients
from progan.distributed.world import World
from progan.engine.optimizers import make_optimizer
from progan.engine.settings import OptimConfig, Precision
from progan.losses.objective import Objective, Round
from progan.schedule import Phase
from progan.types import Role, TrainingError

Game = Callable[[Tensor | float], Round]  # the loss scale of fp16 -> one play of it
HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
FIRST_SCALE = 64.0  # of fp16, as in the official code
SMALLEST_SCALE = 2.0**-14  # of fp16: below it nothing is left to scale, the gradients themselves are not finite


class Player:
    """A network with what it minimises and how it is updated."""

    def __init__(self, name: Role, network: nn.Module, objective: Objective, config: OptimConfig) -> None:
        self.name = name
        self.network = network
        self.objective = objective
        self.precision = config.precision
        chosen = config.optimizer(name)
        self.own_lr = chosen.lr
        self.optimizer = make_optimizer(network, chosen, config.lr)
        device = next(network.parameters()).device
        # One scaler for each network: a shared one would be updated twice a round.
        self.scaler = torch.amp.GradScaler(device.type, FIRST_SCALE, enabled=config.precision == "fp16")

    @property
    def loss_scale(self) -> Tensor | float:
        """Of fp16; it stays on the device, which reading it would stop."""
        if not self.scaler.is_enabled():
            return 1.0
        return self.scaler.scale(torch.ones((), device=next(self.network.parameters()).device))

    def require_loss_scale(self) -> None:
        """TrainingError where fp16 has no scale left that makes gradients finite. Reads it from the device."""
        if self.scaler.is_enabled() and self.scaler.get_scale() < SMALLEST_SCALE:
            raise TrainingError(f"{self.name}: the fp16 loss scale fell to nothing: no step has finite gradients")

    def reset_optimizer(self) -> None:
        self.optimizer.state.clear()

    def set_lr(self, phase: Phase) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = phase.lr if self.own_lr is None else self.own_lr * phase.decay


@contextmanager
def frozen(opponent: nn.Module) -> Iterator[None]:
    """It does not learn meanwhile; what was learnable before is so again afterwards."""
    learnable = [parameter for parameter in opponent.parameters() if parameter.requires_grad]
    try:
        for parameter in learnable:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in learnable:
            parameter.requires_grad_(True)


@contextmanager
def precision(name: Precision, device: torch.device) -> Iterator[None]:
    """Autocast to the named precision, if it is a half one.

    Its cache of cast weights is off: a cast made inside torch.func.grad must not outlive it.
    """
    with torch.autocast(device.type, HALVES.get(name), enabled=name in HALVES, cache_enabled=False):
        yield


def _descend(player: Player, game: Game, share: float, device: torch.device) -> dict[str, Tensor]:
    """Add `share` of a game's gradients to the player's -> so much of each term, detached."""
    found: dict[str, Tensor] = {}
    with precision(player.precision, device):
        played = game(player.loss_scale)
    for names in player.objective.parts:
        with precision(player.precision, device):
            losses = player.objective(played, names)
        total = torch.stack(list(losses.values())).sum() * share
        if total.requires_grad:  # a term that rests is a mere number
            torch.autograd.backward(player.scaler.scale(total))
        found |= {name: value.detach() * share for name, value in losses.items()}
    return found


def _add_gradients(sums: dict[nn.Parameter, Tensor], network: nn.Module) -> None:
    """Each game's sum by itself before it is added: so one process's parts add up as several processes' do."""
    for parameter in network.parameters():
        if parameter.grad is None:
            continue
        if parameter in sums:
            sums[parameter].add_(parameter.grad)
        else:
            sums[parameter] = parameter.grad


def update(player: Player, games: Sequence[Game], world: World, device: torch.device) -> dict[str, Tensor]:
    """Play each of `games` for `player`, then step -> mean weighted terms, detached, still on the device.

    Whether they are finite is for the loop to see, once a tick. Under fp16 a step whose gradients overflow is skipped.
    """
    means: dict[str, Tensor] = {}
    gradients: dict[nn.Parameter, Tensor] = {}
    for game in games:
        player.optimizer.zero_grad(set_to_none=True)
        for name, value in _descend(player, game, 1 / len(games), device).items():
            means[name] = means[name] + value if name in means else value
        _add_gradients(gradients, player.network)
    for parameter, gradient in gradients.items():
        parameter.grad = gradient
    average_gradients(player.network.parameters(), world)
    player.scaler.step(player.optimizer)
    player.scaler.update()
    return {f"{player.name}/{name}": value for name, value in means.items()}

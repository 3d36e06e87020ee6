"""Checkpoints: everything needed to go on training, in one file."""

from pathlib import Path

import torch
from torch import Tensor

from progan.engine.play import Player
from progan.engine.train import Training
from progan.tensorfile import load_tensors, save_tensors
from progan.types import DataError

KIND = "progan checkpoint 1"


def save_checkpoint(training: Training, path: Path) -> None:
    """Write the state of `training` atomically."""
    scalers = {name: player.scaler.state_dict() for name, player in training.players.items()}
    facts = {"images_seen": training.images_seen, "stage": training.stage, "scalers": scalers}
    save_tensors(path, KIND, _tensors(training), facts)


def load_checkpoint(training: Training, path: Path) -> None:
    """Put the state at `path` into `training`, in place: memory layouts stay, so arithmetic stays bit for bit."""
    stored, facts = load_tensors(path, KIND)
    for name, player in training.players.items():
        _make_room_for_moments(name, player, stored)
        player.scaler.load_state_dict(facts["scalers"][name])
    expected = _tensors(training)
    if _shapes(expected) != _shapes(stored):
        odd = min(_shapes(expected) ^ _shapes(stored))[0]
        raise DataError(f"{path}: does not fit these settings (tensor {odd}); start a new run with --run")
    with torch.no_grad():
        for key, tensor in expected.items():
            tensor.copy_(stored[key])
    training.images_seen, training.stage = facts["images_seen"], facts["stage"]


def _tensors(training: Training) -> dict[str, Tensor]:
    """Every tensor of the state, by a name that tells whose it is."""
    tensors = {f"average.{key}": tensor for key, tensor in training.average.state_dict().items()}
    for name, player in training.players.items():
        tensors |= {f"{name}.{key}": tensor for key, tensor in player.network.state_dict().items()}
        tensors |= {f"{name}-objective.{key}": tensor for key, tensor in player.objective.state_dict().items()}
        for key, parameter in player.network.named_parameters():
            moments = player.optimizer.state.get(parameter, {})
            tensors |= {f"{name}-optimizer.{key}.{moment}": tensor for moment, tensor in moments.items()}
    return tensors


def _shapes(tensors: dict[str, Tensor]) -> set[tuple[str, tuple[int, ...]]]:
    return {(name, tuple(tensor.shape)) for name, tensor in tensors.items()}


def _make_room_for_moments(name: str, player: Player, stored: dict[str, Tensor]) -> None:
    """Give Adam's state exactly the moments that `stored` has: layers not in use yet have none."""
    player.reset_optimizer()
    for key, parameter in player.network.named_parameters():
        prefix = f"{name}-optimizer.{key}."
        moments = {full.removeprefix(prefix): tensor for full, tensor in stored.items() if full.startswith(prefix)}
        if moments:
            player.optimizer.state[parameter] = {
                # As a fused optimizer makes them: the moments lie like their parameter, the step count on its device.
                moment: torch.empty_like(parameter)
                if tensor.dim()
                else torch.empty((), dtype=tensor.dtype, device=parameter.device)
                for moment, tensor in moments.items()
            }

"""A system is a value: two networks, what each minimises, and the order of play."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from progan.losses.objective import Objective
from progan.nn.growing import Growing
from progan.schedule import Phase
from progan.types import NO_LABELS, LabelSpace, LatentSpace, Role


class Play(NamedTuple):
    """One player's update within a round."""

    player: Role
    number: int  # counts the plays of a round: each has latents of its own
    reads: int | None  # which of the round's real batches it reads; None: it reads none
    labelled: int | None  # the same of the batches in which all have a label


@dataclass(frozen=True)
class System:
    generator: nn.Module  # (latents NZ, labels N) -> images N3RR in [-1, 1]
    discriminator: nn.Module  # (images N3RR, labels N) -> Verdict
    objectives: dict[Role, Objective]
    resolution: int  # final, pixels
    latents: LatentSpace
    labels: LabelSpace = NO_LABELS
    order: tuple[Role, ...] = ("discriminator", "generator")  # the plays of a round
    joint: bool = True  # D may judge reals and fakes in one call: its layers keep samples (or groups of them) apart
    group: int = 1  # consecutive samples a layer treats together: a rank's share of a batch must be a multiple
    calibrate: Callable[[Tensor], None] | None = None  # sees the first batch of reals, N3RR in [-1, 1], before it plays

    @property
    def networks(self) -> dict[Role, nn.Module]:
        return {"discriminator": self.discriminator, "generator": self.generator}

    @property
    def parameter_counts(self) -> dict[Role, int]:
        """Numbers that each network learns."""
        return {role: sum(one.numel() for one in network.parameters()) for role, network in self.networks.items()}

    def plays(self) -> Iterator[Play]:
        reals, labelled = itertools.count(), itertools.count()
        for number, player in enumerate(self.order):
            wants = self.objectives[player]
            yield Play(
                player,
                number,
                next(reals) if wants.reads_real else None,
                next(labelled) if wants.reads_labelled else None,
            )

    @property
    def reals_per_round(self) -> int:
        """Batches of real images a round reads, so that the data position is a function of images seen."""
        return sum(play.reads is not None for play in self.plays())

    @property
    def reads_labels(self) -> bool:
        return any(objective.reads_labels for objective in self.objectives.values())

    @property
    def labelled_per_round(self) -> int:
        return sum(play.labelled is not None for play in self.plays())


def place(system: System, device: torch.device) -> None:
    """Move networks and objectives to `device`, with the channels innermost, in which convolutions run faster."""
    for network in system.networks.values():
        network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for objective in system.objectives.values():
        objective.to(device)


def set_phase(network: nn.Module, phase: Phase) -> None:
    """Grow `network` to the phase; a network that does not grow is left as it is."""
    if isinstance(network, Growing):
        network.set_growth(phase.resolution, phase.fade)

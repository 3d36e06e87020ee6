"""The processes of one training: who I am, my share of a batch, and how far I have come."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from progan.types import LostRank


@dataclass
class Pulse:
    """What this process shows the others."""

    arrivals: int = 0  # at places where all wait for all
    signs: int = 0  # of life in between, in work that takes long

    def beat(self) -> None:
        self.signs += 1


@dataclass(frozen=True)
class World:
    """The rank facts of this process."""

    rank: int = 0
    size: int = 1
    local_size: int = 1  # processes on this node
    pulse: Pulse = field(default_factory=Pulse, compare=False)

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This rank's part of a global batch: consecutive samples, so groups of the minibatch statistics stay whole."""
        each = batch // self.size
        return slice(self.rank * each, (self.rank + 1) * each)


@contextmanager
def together() -> Iterator[None]:
    """Around an operation of all ranks: LostRank where it fails because one of them is gone."""
    try:
        yield
    except RuntimeError as error:  # gloo's; NCCL's is a kind of it
        raise LostRank(f"the connection to another process broke ({str(error).splitlines()[0]})") from error

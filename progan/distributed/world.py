"""The processes of one training: who I am, and my share of a batch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class World:
    """The rank facts of this process."""

    rank: int = 0
    size: int = 1
    local_size: int = 1  # processes on this node

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This rank's part of a global batch: consecutive samples, so groups of the minibatch statistics stay whole."""
        each = batch // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

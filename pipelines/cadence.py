"""When things are due, by images seen."""

from dataclasses import dataclass

from progan.engine.train import Tick
from progan.schedule import passes


@dataclass(frozen=True)
class Every:
    """Due where images seen pass a multiple of `kimg`, and at the end."""

    kimg: float
    total_images: int

    def due(self, tick: Tick) -> bool:
        return self.due_between(tick.images_seen - tick.images, tick.images_seen)

    def due_between(self, before: int, after: int) -> bool:
        return passes(before, after, self.kimg * 1000) or after >= self.total_images

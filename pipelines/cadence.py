"""When things are due, by images seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from progan.schedule import passes

if TYPE_CHECKING:  # so that what is due is known without torch
    from progan.engine.train import Tick


@dataclass(frozen=True)
class Every:
    """Due where images seen pass a multiple of `kimg`, and at the end."""

    kimg: float
    total_images: int

    def due(self, tick: Tick) -> bool:
        return self.due_between(tick.images_seen - tick.images, tick.images_seen)

    def due_between(self, before: int, after: int) -> bool:
        return passes(before, after, self.kimg * 1000) or after >= self.total_images

"""What is planned: a training by one process of several, its stages counted."""

from dataclasses import dataclass, field
from functools import cached_property

from progan.engine.tally import Tally, tally
from progan.schedule import Phase, Schedule, Stage
from progan.settings import Config, untrained_system
from progan.systems.system import System
from progan.types import DataSpec


@dataclass(frozen=True)
class Subject:
    """A training."""

    config: Config
    schedule: Schedule
    data: DataSpec
    processes: int
    _tallies: dict[tuple[int, int | None], Tally] = field(default_factory=dict)

    @property
    def precision(self) -> str:
        """As in figures of rounds."""
        return self.config.optim.precision + (" compiled" if self.config.optim.compile else "")

    def system(self) -> System:
        """Untrained, a new one."""
        return untrained_system(self.config, self.data)

    @cached_property
    def example(self) -> System:
        """To be counted, not to be trained."""
        return self.system()

    def share(self, stage: Stage) -> int:
        """Images of a process in a round."""
        return stage.batch // self.processes

    def phase(self, stage: Stage) -> Phase:
        """Amid it, for one process."""
        return Phase(stage.index, stage.resolution, 0.5 if stage.fading else 1.0, self.share(stage), stage.lr)

    def tally(self, stage: Stage, most: int | None = None) -> Tally:
        """Of a process's round, in parts of at most `most` images, if given; counted once."""
        key = (stage.index, most)
        if key not in self._tallies:
            optim = self.config.optim
            if most is not None:
                limits = {**optim.max_images_per_process, stage.resolution: most}
                optim = optim.model_copy(update={"max_images_per_process": limits})
            self._tallies[key] = tally(self.example, optim, self.phase(stage), self.data, self.processes)
        return self._tallies[key]

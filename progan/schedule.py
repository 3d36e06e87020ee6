"""The training schedule: images seen -> Phase, pure arithmetic, printable without training."""

import itertools
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, model_validator

from progan.config import Settings, unless_named
from progan.types import is_power_of_two, resolutions_up_to


def passes(before: int, after: int, interval: float) -> bool:
    """Whether a multiple of `interval` lies in (before, after]."""
    return after // interval > before // interval


@dataclass(frozen=True)
class Phase:
    """What holds at one moment of training."""

    index: int  # number of the stage of the schedule; the optimizers are reset where it changes
    resolution: int  # pixels; the new resolution from the start of its fade
    fade: float  # share of the newest layers, in [0, 1]; 1 = fully grown to `resolution`
    batch: int  # images in a global batch
    lr: float  # learning rate, of a player that has none of its own
    decay: float = 1.0  # factor of a player's own learning rate, in [0, 1]


@dataclass(frozen=True)
class Stage:
    """A stretch of the schedule: fading a resolution in, or stabilising it."""

    index: int
    start: int  # images seen at its first round
    end: int  # images seen where the next stage begins
    resolution: int
    fading: bool
    batch: int
    lr: float


@dataclass(frozen=True)
class Schedule:
    """What holds when: a pure function of images seen."""

    stages: tuple[Stage, ...]  # in order, without gaps
    decay_images: int = 0  # over so many images before the end the learning rates go down to 0 in a line

    @property
    def total_images(self) -> int:
        return self.stages[-1].end

    @property
    def entries(self) -> tuple[int, ...]:
        """Images seen at the first round of each stage: the round before may have gone past the border."""
        found = [self.stages[0].start]
        for stage in self.stages[:-1]:
            rounds = -((found[-1] - stage.end) // stage.batch)
            found.append(found[-1] + max(0, rounds) * stage.batch)
        return tuple(found)

    def __call__(self, images_seen: int) -> Phase:
        stage = next((stage for stage in self.stages if images_seen < stage.end), self.stages[-1])
        fade = (images_seen - stage.start) / (stage.end - stage.start) if stage.fading else 1.0
        left = max(0, self.total_images - images_seen)
        decay = min(1.0, left / self.decay_images) if self.decay_images else 1.0
        return Phase(stage.index, stage.resolution, fade, stage.batch, stage.lr * decay, decay)

    def ended(self, images_seen: int) -> Stage:
        """The stage of the round that ended there."""
        begun = [stage for stage, entry in zip(self.stages, self.entries, strict=True) if entry < images_seen]
        return begun[-1] if begun else self.stages[0]

    def agrees(self, other: "Schedule", until: int) -> bool:
        """Whether both say the same of what is trained before so many images; a round from a border maybe not."""
        return self._past(until) == other._past(until)

    def _past(self, until: int) -> tuple[list[Stage], tuple[int, int] | None]:
        """What was said of it: the stages begun, and the decay if it was."""
        begun = [stage for stage in self.stages if stage.start < until]
        if begun and not begun[-1].fading:
            begun[-1] = replace(begun[-1], end=until)  # nothing has come of where it is to end
        decays = self.decay_images and self.total_images - self.decay_images < until
        return begun, (self.total_images, self.decay_images) if decays else None


@dataclass(frozen=True)
class Preset:
    batch: dict[int, int]  # resolution -> global batch
    lr: dict[int, float]  # resolution -> learning rate, where it differs from the base rate


# Published by resolution for 1, 2, 4 and 8 GPUs (official configuration of arXiv 1710.10196).
PRESETS = {
    1: Preset({4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4, 1024: 4}, {1024: 0.0015}),
    2: Preset({4: 256, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 8, 1024: 8}, {512: 0.0015, 1024: 0.002}),
    4: Preset(
        {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16, 256: 16, 512: 16, 1024: 16},
        {256: 0.0015, 512: 0.002, 1024: 0.003},
    ),
    8: Preset(
        {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 32, 256: 32, 512: 32, 1024: 32},
        {128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003},
    ),
}

Resolution = Annotated[int, Field(ge=4, le=1024)]
Kimg = Annotated[float, Field(ge=0.001)]  # an image


def _require_powers_of_two(resolutions: list[int], where: str) -> None:
    for resolution in resolutions:
        if not is_power_of_two(resolution):
            raise ValueError(f"{where}: resolutions are powers of two from 4 to 1024, got {resolution}")


class ProgressiveConfig(Settings):
    """Growth from `start_resolution` to `resolution` (section 2 of arXiv 1710.10196). kimg = thousands of images."""

    name: Literal["progressive"] = "progressive"
    resolution: Resolution  # final, pixels
    start_resolution: Resolution = 4
    fade_kimg: Annotated[float, Field(ge=0)] | dict[Resolution, Annotated[float, Field(ge=0)]] = 600.0  # each fade
    stable_kimg: Kimg | dict[Resolution, Kimg] = 600.0  # each resolution after its fade
    total_kimg: Kimg | None = None  # end of training; None: the last resolution gets `stable_kimg` like the others
    preset: Literal[1, 2, 4, 8] = 1  # the published batch and learning-rate table for that many GPUs
    batch: dict[Resolution, Annotated[int, Field(ge=1)]] = Field({})  # global batch by resolution, over the preset
    lr: dict[Resolution, Annotated[float, Field(gt=0)]] | None = None  # by resolution, else optim.lr; None: the preset

    @model_validator(mode="after")
    def _consistent(self) -> "ProgressiveConfig":
        _require_powers_of_two([self.resolution], "resolution")
        _require_powers_of_two([self.start_resolution], "start_resolution")
        if self.start_resolution > self.resolution:
            raise ValueError(f"start_resolution {self.start_resolution} is above resolution {self.resolution}")
        for where in ("fade_kimg", "stable_kimg"):
            self._covers(where)
        for where in ("batch", "lr"):
            _require_powers_of_two(list(getattr(self, where) or ()), where)
        if self.total_kimg is not None and self.total_kimg * 1000 <= progressive(self, 1.0).stages[-1].start:
            raise ValueError(f"total_kimg {self.total_kimg:g} ends before {self.resolution} px is fully grown")
        self._trains_every_stage()
        return self

    def _trains_every_stage(self) -> None:
        schedule = progressive(self, 1.0)
        for stage, entry in zip(schedule.stages, schedule.entries, strict=True):
            if entry >= stage.end:
                length = stage.end - stage.start
                stretch = "fade_kimg" if stage.fading else "stable_kimg"
                rule = f"its {length} images at {stage.resolution} px are less than a round of the stage before"
                raise ValueError(f"{stretch}: {rule}; lengthen it, or lower schedule.batch")

    def _covers(self, where: str) -> None:
        table = getattr(self, where)
        if not isinstance(table, dict):
            return
        _require_powers_of_two(list(table), where)
        needed = [r for r in self.resolutions if where == "stable_kimg" or r > self.start_resolution]
        missing = [r for r in needed if r not in table]
        if missing:
            raise ValueError(f"{where} has no entry for {missing[0]} px; give one for each resolution, or one number")

    @property
    def resolutions(self) -> tuple[int, ...]:
        return resolutions_up_to(self.resolution, self.start_resolution)


class ConstantConfig(Settings):
    """One resolution and one batch size throughout: for systems that do not grow."""

    name: Literal["constant"] = "constant"
    resolution: Annotated[int, Field(ge=4, le=1024)]  # pixels, one of the prepared set's
    batch: Annotated[int, Field(ge=1)] = 64  # images in a global batch, of which a round sees one
    total_kimg: Kimg  # end of training: rounds x batch / 1000
    decay_kimg: Annotated[float, Field(ge=0)] = 0.0  # so long before the end the learning rates go down to 0 in a line

    @model_validator(mode="after")
    def _decays_within(self) -> "ConstantConfig":
        if self.decay_kimg > self.total_kimg:
            raise ValueError(f"decay_kimg {self.decay_kimg:g} is longer than total_kimg {self.total_kimg:g}")
        return self

    @property
    def resolutions(self) -> tuple[int, ...]:
        return (self.resolution,)


ScheduleConfig = Annotated[ProgressiveConfig | ConstantConfig, Field(discriminator="name"), unless_named("progressive")]


def make_schedule(config: ScheduleConfig, base_lr: float) -> Schedule:
    """base_lr: where the settings say no other for a resolution."""
    return constant(config, base_lr) if isinstance(config, ConstantConfig) else progressive(config, base_lr)


def constant(config: ConstantConfig, base_lr: float) -> Schedule:
    """A single stage."""
    stage = Stage(0, 0, round(1000 * config.total_kimg), config.resolution, False, config.batch, base_lr)
    return Schedule((stage,), round(1000 * config.decay_kimg))


def progressive(config: ProgressiveConfig, base_lr: float) -> Schedule:
    """Fades and stable stretches in order; the last one ends the training."""
    preset = PRESETS[config.preset]
    lr_table = preset.lr if config.lr is None else config.lr
    stages: list[Stage] = []
    for resolution, fading in itertools.product(config.resolutions, (True, False)):
        start = stages[-1].end if stages else 0
        end = start + _length(config, resolution, fading)
        batch = config.batch.get(resolution, preset.batch[resolution])
        if end > start:
            lr = lr_table.get(resolution, base_lr)
            stages.append(Stage(len(stages), start, end, resolution, fading, batch, lr))
    end = stages[-1].end if config.total_kimg is None else round(1000 * config.total_kimg)
    return Schedule((*stages[:-1], replace(stages[-1], end=end)))


def _length(config: ProgressiveConfig, resolution: int, fading: bool) -> int:
    """Images."""
    if fading and resolution == config.start_resolution:
        return 0
    kimg = config.fade_kimg if fading else config.stable_kimg
    return round(1000 * (kimg[resolution] if isinstance(kimg, dict) else kimg))

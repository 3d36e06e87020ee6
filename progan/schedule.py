"""The training schedule: images seen -> Phase, pure arithmetic, printable without training."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, model_validator

from progan.config import Settings
from progan.types import resolutions_up_to


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
    lr: float  # learning rate of both players


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
Kimg = Annotated[float, Field(gt=0)]


def _require_powers_of_two(resolutions: list[int], where: str) -> None:
    for resolution in resolutions:
        if resolution & (resolution - 1):
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
        if self.total_kimg is not None and self.total_kimg * 1000 <= Progressive(self, 1.0).stages[-1].start:
            raise ValueError(f"total_kimg {self.total_kimg:g} ends before {self.resolution} px is fully grown")
        return self

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


class Progressive:
    """The schedule of `config`, a pure function of images seen."""

    def __init__(self, config: ProgressiveConfig, base_lr: float) -> None:
        self._config = config
        self._base_lr = base_lr

    @cached_property
    def stages(self) -> list[Stage]:
        """Fades and stable stretches in order; the last one ends the training."""
        config = self._config
        preset = PRESETS[config.preset]
        lr_table = preset.lr if config.lr is None else config.lr
        stages: list[Stage] = []
        for resolution in config.resolutions:
            batch = config.batch.get(resolution, preset.batch[resolution])
            lr = lr_table.get(resolution, self._base_lr)
            for fading in (True, False):
                start = stages[-1].end if stages else 0
                end = start + self._length(resolution, fading)
                if end > start:
                    stages.append(Stage(len(stages), start, end, resolution, fading, batch, lr))
        return stages[:-1] + [self._last(stages[-1])]

    @property
    def total_images(self) -> int:
        return self.stages[-1].end

    def __call__(self, images_seen: int) -> Phase:
        stage = next((stage for stage in self.stages if images_seen < stage.end), self.stages[-1])
        fade = (images_seen - stage.start) / (stage.end - stage.start) if stage.fading else 1.0
        return Phase(stage.index, stage.resolution, fade, stage.batch, stage.lr)

    def _length(self, resolution: int, fading: bool) -> int:
        if fading and resolution == self._config.start_resolution:
            return 0
        kimg = self._config.fade_kimg if fading else self._config.stable_kimg
        return round(1000 * (kimg[resolution] if isinstance(kimg, dict) else kimg))

    def _last(self, stage: Stage) -> Stage:
        total = self._config.total_kimg
        end = stage.end if total is None else round(1000 * total)
        return Stage(stage.index, stage.start, end, stage.resolution, stage.fading, stage.batch, stage.lr)

"""Walks through the latent space of a snapshot, as a picture or a video."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipelines.console import Count, counting, say
from pipelines.device import evaluation_device
from pipelines.snapshots import describe, open_snapshot
from progan.engine.snapshot import Snapshot
from progan.sampling.generate import generate
from progan.sampling.grids import WIDEST, save_sheet, scaled, shown_width, tile
from progan.sampling.latents import draw_latents, grid_labels, listed_count
from progan.sampling.video import check_video, write_video
from progan.sampling.walks import class_labels, collinear, direction, lerp, slerp
from progan.types import ConfigError, LabelSpace

PICTURE = ".png"
ENLARGED = 512  # pixels: narrower frames are enlarged up to this width
PICTURE_STEPS, VIDEO_STEPS = 10, 48  # by default


@dataclass(frozen=True)
class Walk:
    """What was asked for."""

    kind: str
    anchors: Tensor  # NZ
    steps: int | None  # in a row; of a video between anchors from one to the next; None: a number that suits the kind
    video: bool
    labels: LabelSpace
    seed: int


def walk(source: Path, out: Path, kind: str, steps: int | None, anchors: int, seed: int, fps: float) -> None:
    """Write a walk of a snapshot (or of a run's last): rows of images when `out` ends in .png, else a video."""
    if kind not in WAYS:
        raise ConfigError(f"--kind {kind}: choose one of {', '.join(WAYS)}")
    check_video(out, (PICTURE,))
    snapshot = open_snapshot(source)
    system, video = snapshot.system, out.suffix.lower() != PICTURE
    drawn = draw_latents(seed, "walk-anchors", 0, anchors, system.latents)
    latents = WAYS[kind](Walk(kind, drawn, steps, video, system.labels, seed))
    labels = _labels(kind, latents, system.labels)
    system.generator.to(evaluation_device())
    if video:
        with counting("walk", "frames") as show:
            write_video(_frames(snapshot, latents, labels, show), [1] * latents.shape[1], fps, out)
    else:
        images = generate(system.generator, latents.flatten(0, 1), labels.flatten(0, 1), snapshot.phase.resolution)
        save_sheet(tile(images, latents.shape[1]), out)
    say(f"{kind} walk of {latents.shape[1]} steps through {describe(snapshot)} in {out}")


def _between(path: Callable[[Tensor, int, bool], Tensor], walk: Walk) -> Tensor:
    """In a picture a row for each pair of neighbours; in a video a closed way through all anchors, to be repeated."""
    count = len(walk.anchors)
    if count < 2:
        raise ConfigError(f"--anchors {count}: a {walk.kind} walk leads from one to another; give at least 2")
    if walk.video:
        return path(walk.anchors, (walk.steps or VIDEO_STEPS) * count, True).unsqueeze(0)
    steps = walk.steps or PICTURE_STEPS
    return torch.stack([path(walk.anchors[first : first + 2], steps, False) for first in range(count - 1)])


def _collinear(walk: Walk) -> Tensor:
    return collinear(walk.steps or _usual_steps(walk), walk.anchors.shape[1]).unsqueeze(0)


def _direction(walk: Walk) -> Tensor:
    steps = walk.steps or _usual_steps(walk)
    return torch.stack([direction(anchor, steps, walk.seed) for anchor in walk.anchors])


def _classes(walk: Walk) -> Tensor:
    """A row for each anchor, which stays; a video holds a class as long as others take between two anchors."""
    if walk.labels.classes == 0:
        raise ConfigError("--kind classes: this snapshot was trained without labels; choose another kind")
    steps = walk.steps or listed_count(walk.labels) * (VIDEO_STEPS if walk.video else 1)
    return walk.anchors.unsqueeze(1).expand(-1, steps, -1)


# Each gives latents ROWS x STEPS x Z. A video shows all rows at once, side by side.
WAYS: dict[str, Callable[[Walk], Tensor]] = {
    "slerp": lambda walk: _between(slerp, walk),
    "lerp": lambda walk: _between(lerp, walk),
    "collinear": _collinear,
    "direction": _direction,
    "classes": _classes,
}


def _usual_steps(walk: Walk) -> int:
    return VIDEO_STEPS if walk.video else PICTURE_STEPS


def _labels(kind: str, latents: Tensor, space: LabelSpace) -> Tensor:
    """Labels ROWS x STEPS (x K): those of a walk through the classes, else one class a row."""
    rows, steps, _ = latents.shape
    if kind == "classes":
        return class_labels(steps, space).expand(rows, *[-1] * (1 + space.several))
    return grid_labels(rows, space, 1).unsqueeze(1).expand(-1, steps, *[-1] * space.several)


def _frames(snapshot: Snapshot, latents: Tensor, labels: Tensor, show: Count) -> Iterator[Tensor]:
    rows, steps, _ = latents.shape
    for step in range(steps):
        images = generate(snapshot.system.generator, latents[:, step], labels[:, step], snapshot.phase.resolution)
        sheet = tile(images, math.ceil(math.sqrt(rows)))
        width = sheet.shape[1]
        yield scaled(sheet, min(max(width, shown_width(width, ENLARGED)), WIDEST))
        show(step + 1, steps, 0, "")

"""Images from a snapshot: a grid, or a folder of single files."""

from pathlib import Path

from PIL import Image
from torch import Tensor

from pipelines.console import say
from pipelines.drawing import images_of
from pipelines.snapshots import describe, open_snapshot
from progan.engine.snapshot import Snapshot
from progan.files import atomic_path
from progan.sampling.asking import asked
from progan.sampling.grids import save_sheet, tile
from progan.types import ConfigError, LabelSpace


def sample(source: Path, out: Path, count: int, columns: int, seed: int, caption: str | None) -> None:
    """Write `count` images of a snapshot (or of a run's last) as a grid when `out` ends in .png, else one by one."""
    grid = out.suffix.lower() == ".png"
    if not grid and out.suffix.lower() in Image.registered_extensions():
        raise ConfigError(f"--out {out}: a grid is a .png; name one, or a folder for single images")
    snapshot = open_snapshot(source)
    labels = None if caption is None else _asked(caption, snapshot)
    images = images_of(snapshot.system, snapshot.phase.resolution, seed, "samples", labels)(0, count)
    if grid:
        save_sheet(tile(images, columns), out)
    else:
        _save_each(images, out)
    say(f"{count} images of {describe(snapshot)} in {out}")


def _asked(caption: str, snapshot: Snapshot) -> LabelSpace:
    space = snapshot.system.labels
    if not space.several:
        rule = f"the generator of {snapshot.path} is given no attributes"
        raise ConfigError(f"--caption: {rule}; train a system that is, such as gan-cls, on a set with several labels")
    return asked(caption, snapshot.data.classes, space)


def _save_each(images: Tensor, folder: Path) -> None:
    for number, image in enumerate(images):
        with atomic_path(folder / f"{number:06d}.png") as temporary:
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(temporary, format="PNG")

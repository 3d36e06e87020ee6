"""Images from a snapshot: a grid, or a folder of single files."""

from pathlib import Path

from PIL import Image
from torch import Tensor

from pipelines.console import say
from progan.engine.snapshot import load_snapshot
from progan.files import atomic_path
from progan.rundir import RunDirectory
from progan.sampling.generate import image_sequence
from progan.sampling.grids import save_sheet, tile
from progan.types import DataError


def sample(source: Path, out: Path, count: int, columns: int, seed: int) -> None:
    """Write `count` images of a snapshot (or of a run's last) as a grid when `out` ends in .png, else one by one."""
    snapshot = load_snapshot(_snapshot_path(source))
    system = snapshot.system
    images = image_sequence(system.generator, seed, system.latent_dim, system.num_classes, "samples")(0, count)
    if out.suffix == ".png":
        save_sheet(tile(images, columns), out)
    else:
        _save_each(images, out)
    where = f"{snapshot.images_seen / 1000:.1f} kimg, {snapshot.phase.resolution} px"
    say(f"{count} images of {snapshot.path} ({where}) in {out}")


def _snapshot_path(source: Path) -> Path:
    if not source.is_dir():
        return source
    snapshots = RunDirectory(source).snapshots()
    if not snapshots:
        raise DataError(f"{source}: no snapshot in this run yet; the first comes with the first checkpoint")
    return snapshots[-1]


def _save_each(images: Tensor, folder: Path) -> None:
    for number, image in enumerate(images):
        with atomic_path(folder / f"{number:06d}.png") as temporary:
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(temporary, format="PNG")

"""Images from a snapshot: a grid, or a folder of single files."""

from pathlib import Path

from PIL import Image
from torch import Tensor

from pipelines.console import say
from pipelines.snapshots import describe, open_snapshot
from progan.files import atomic_path
from progan.sampling.generate import image_sequence
from progan.sampling.grids import save_sheet, tile


def sample(source: Path, out: Path, count: int, columns: int, seed: int) -> None:
    """Write `count` images of a snapshot (or of a run's last) as a grid when `out` ends in .png, else one by one."""
    snapshot = open_snapshot(source)
    system = snapshot.system
    images = image_sequence(system.generator, seed, system.latents, system.labels, "samples")(0, count)
    if out.suffix == ".png":
        save_sheet(tile(images, columns), out)
    else:
        _save_each(images, out)
    say(f"{count} images of {describe(snapshot)} in {out}")


def _save_each(images: Tensor, folder: Path) -> None:
    for number, image in enumerate(images):
        with atomic_path(folder / f"{number:06d}.png") as temporary:
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(temporary, format="PNG")

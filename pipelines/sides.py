"""What stands on either side of a comparison: pictures as they lie, a prepared set, a generator."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.drawing import images_of
from pipelines.measuring import EVALUATION_SEED
from pipelines.snapshots import open_snapshot
from progan.data.cores import cores_each
from progan.data.folder_images import FolderImages, Size
from progan.data.loader import Loader
from progan.data.manifest import MANIFEST
from progan.data.reading.order import METRIC_SEED
from progan.data.settings import DataConfig, open_set
from progan.distributed.agreement import from_main_rank
from progan.distributed.world import World
from progan.metrics.gathering import Progress
from progan.metrics.real_side import RealDraw
from progan.metrics.weights import sha256_of
from progan.rundir import RunDirectory
from progan.types import DataError


class Ordered(NamedTuple):
    """The images of a side in one order."""

    draw: RealDraw
    order: str  # equal where the order is


@dataclass(frozen=True, eq=False)
class Side:
    """Images that can be compared."""

    name: str  # as the user gave it
    kind: str
    count: int | None  # images; None: a generator draws as many as are asked for
    sizes: tuple[Size, ...]  # that the images can be had in, all of them in each
    mixed: Ordered  # in random order, so that a part of them is like the whole
    sorted: Ordered  # in the order of their names where they have any
    fingerprint: Callable[[Progress], str]  # of the contents; may read all of them; DataError where they do not fit
    images_seen: int | None = None  # by a generator in training
    facts: dict[str, Any] = field(default_factory=dict)  # of its own, for the provenance

    def ordered(self, by_name: bool) -> Ordered:
        return self.sorted if by_name else self.mixed


def open_side(source: str, world: World, open_: ExitStack, snapshot: Path | None = None) -> Side:
    """DataError for what cannot be compared.

    open_: closes it. snapshot: of a run; None: its last.
    """
    path = Path(source)
    if "://" in source or (path / MANIFEST).exists():
        return _prepared(source, world, open_)
    if not path.exists():
        raise DataError(f"{source}: no such file or folder; give images, a prepared set, a snapshot or a run")
    if path.suffix == ".safetensors" or is_run(path):
        return _generator(source, snapshot or path)
    return _pictures(source, world, open_)


def is_run(path: Path) -> bool:
    return RunDirectory(path).config.exists()


def _prepared(source: str, world: World, open_: ExitStack) -> Side:
    config = DataConfig(path=source, resident_gb=0.0)  # each image is read once
    manifest = open_set(config)
    loader = open_.enter_context(closing(Loader(manifest, config, seed=0, local_processes=world.local_size)))
    images = Ordered(loader.images, loader.metric_order)
    return Side(
        name=source,
        kind="prepared set",
        count=manifest.count,
        sizes=tuple((resolution, resolution) for resolution in manifest.resolutions),
        mixed=images,
        sorted=images,
        fingerprint=lambda progress: manifest.spec.fingerprint,
    )


def _generator(source: str, path: Path) -> Side:
    snapshot = open_snapshot(path)
    resolution = snapshot.phase.resolution
    draw = images_of(snapshot.system, resolution, EVALUATION_SEED)
    images = Ordered(lambda resolution, start, count: draw(start, count), f"generated {EVALUATION_SEED}")
    return Side(
        name=source,
        kind="generator",
        count=None,
        sizes=((resolution, resolution),),
        mixed=images,
        sorted=images,
        fingerprint=lambda progress: sha256_of(snapshot.path),
        images_seen=snapshot.images_seen,
        facts={"snapshot": snapshot.path.name, "fade": snapshot.phase.fade},
    )


def _pictures(source: str, world: World, open_: ExitStack) -> Side:
    folder = open_.enter_context(closing(FolderImages(Path(source), cores_each(world.local_size))))
    return Side(
        name=source,
        kind="images",
        count=folder.count,
        sizes=(folder.size,),
        mixed=Ordered(lambda resolution, start, count: folder.shuffled(start, count), f"shuffled {METRIC_SEED}"),
        sorted=Ordered(lambda resolution, start, count: folder.images(start, count), "by name"),
        fingerprint=partial(_read_by_main_rank, folder, source, world),
    )


def _read_by_main_rank(folder: FolderImages, source: str, world: World, progress: Progress) -> str:
    def seen(done: int, total: int) -> None:
        world.pulse.beat()
        progress(f"reading {source}", done, total)

    return from_main_rank(lambda: folder.fingerprint(seen), world)

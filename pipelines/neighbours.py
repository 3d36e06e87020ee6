"""Neighbours: the training images nearest to those of a snapshot, as pictures and in numbers."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipelines.console import counting, say
from pipelines.device import evaluation_device
from pipelines.drawing import images_of
from pipelines.measuring import EVALUATION_SEED, Changes, load_network
from pipelines.snapshots import open_snapshot, require_the_training_set
from progan.data.loader import Loader
from progan.data.manifest import Manifest, key
from progan.data.settings import open_set
from progan.engine.snapshot import Snapshot
from progan.files import read_json, write_json
from progan.metrics.neighbours import Nearest, Neighbours, NumberedDraw, Space, feature_space, find, pixel_space
from progan.metrics.thumbnails import averaged
from progan.rundir import RunDirectory
from progan.sampling.grids import WIDEST, save_sheet, tile
from progan.settings import Config, config_of
from progan.types import DataError

SHOWN = 64  # generated images at most with their neighbours, in the picture and by name; all are judged


def neighbours(run: Path, snapshot: Path | None, count: int, nearest: int, features: bool, changes: Changes) -> None:
    """Look for the `nearest` training images of `count` generated ones, in pixel space and, if wanted, by features.

    snapshot: None for the run's last.
    """
    directory = RunDirectory(run)
    config = changes.made_to(config_of(directory))
    loaded, manifest = open_snapshot(snapshot or run), open_set(config.data)
    require_the_training_set(manifest, loaded)
    if manifest.count < 2:
        raise DataError(f"{manifest.place.describe()}: one image has no neighbours; prepare at least two")
    generated = images_of(loaded.system, loaded.phase.resolution, EVALUATION_SEED, "neighbours")(0, count)
    spaces = [pixel_space(evaluation_device()), *([_feature_space(config)] if features else [])]
    # Each image is read once, so none is held in memory.
    reading = config.data.model_copy(update={"resident_gb": 0.0})
    with closing(Loader(manifest, reading, config.seed)) as loader:
        real = partial(loader.numbered_images, loaded.phase.resolution)
        found = _find(generated, real, manifest.count, spaces, config.data.mirror)
        path, facts = directory.neighbours_facts(loaded.images_seen), _facts(loaded, manifest, config)
        shown = _spaces_before(path, facts)
        for each in found:
            picture = directory.neighbours_picture(loaded.images_seen, each.space.name)
            shown[each.space.name] = _show(each, nearest, generated, real, picture)
            say(_line(each, manifest.count, picture))
    write_json(path, facts | {"spaces": shown})


def _spaces_before(path: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """What an earlier call has found of the same generator in the same images, maybe in another space."""
    before = read_json(path) if path.exists() else {}
    same = all(before.get(name) == fact for name, fact in facts.items())
    return dict(before["spaces"]) if same and "spaces" in before else {}


def _feature_space(config: Config) -> Space:
    network = load_network(config.evaluation)
    kind = "Inception" if config.evaluation.network is None else f"the classifier {network.mark}"
    return feature_space(lambda images: network.extract(images).pooled, f"{kind}, weights {network.sha256[:8]}")


def _find(generated: Tensor, real: NumberedDraw, count: int, spaces: Sequence[Space], mirror: bool) -> list[Neighbours]:
    with counting("neighbours", "images") as show:
        return find(generated, real, count, spaces, mirror, lambda done, total: show(done, total, 0, ""))


def _show(found: Neighbours, count: int, generated: Tensor, real: NumberedDraw, picture: Path) -> dict[str, Any]:
    """Write the picture of the `count` nearest of the first images -> the facts of the space."""
    nearest = Nearest(*(each[:SHOWN, :count] for each in found.nearest))
    images, numbers = _read_again(nearest, real)
    save_sheet(_sheet(generated[:SHOWN], images), picture)
    return {"unit": found.space.unit, **asdict(found.judgement), "nearest": _listed(nearest, numbers)}


def _read_again(nearest: Nearest, real: NumberedDraw) -> tuple[Tensor, Tensor]:
    """The neighbours, turned as they are near, (Q K)3RR, row by row, and their numbers in the set, Q x K."""
    read = [real(position, 1) for position in nearest.positions.flatten().tolist()]
    images, numbers = (torch.cat(parts) for parts in zip(*read, strict=True))
    mirrored = nearest.mirrored.flatten().view(-1, 1, 1, 1)
    return torch.where(mirrored, images.flip(3), images), numbers.view_as(nearest.positions)


def _listed(nearest: Nearest, numbers: Tensor) -> list[list[dict[str, Any]]]:
    """For each generated image its neighbours by their keys in the set."""
    columns = (numbers, nearest.distances, nearest.mirrored)
    rows = zip(*(each.tolist() for each in columns), strict=True)
    names = ("key", "distance", "mirrored")
    return [
        [dict(zip(names, (key(number), *rest), strict=True)) for number, *rest in zip(*row, strict=True)]
        for row in rows
    ]


def _sheet(generated: Tensor, found: Tensor) -> Tensor:
    """A row for each generated image, a white gap, its neighbours: uint8 HW3, at most WIDEST px wide.

    generated: Q3RR; found: (Q K)3RR.
    """
    columns, side = len(found) // len(generated), generated.shape[-1]
    while (1 + columns) * side + _gap(side) > WIDEST:
        side //= 2
    left, right = (averaged(images, side).round().byte() for images in (generated, found))
    rows = tile(left, 1)
    white = torch.full((len(rows), _gap(side), 3), 255, dtype=torch.uint8)
    return torch.cat((rows, white, tile(right, columns)), dim=1)


def _gap(side: int) -> int:
    return max(1, side // 16)


def _facts(snapshot: Snapshot, manifest: Manifest, config: Config) -> dict[str, Any]:
    return {
        "snapshot": snapshot.path.name,
        "images_seen": snapshot.images_seen,
        "resolution": snapshot.phase.resolution,
        "fade": snapshot.phase.fade,
        "seed": EVALUATION_SEED,
        "data_fingerprint": manifest.spec.fingerprint,
        "training_images": manifest.count,  # all of them were looked at
        "mirrored_too": config.data.mirror,
    }


def _line(found: Neighbours, count: int, picture: Path) -> str:
    judgement = found.judgement
    return (
        f"{found.space.name}: {judgement.verdict}: median distance {judgement.median_distance:.2f} to the nearest of "
        f"{count} training images; {judgement.percentile:.1f} % of real ones have another one nearer; {picture}"
    )

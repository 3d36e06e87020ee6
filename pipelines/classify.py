"""Classify: ask the discriminator of a snapshot for the class of every labelled image of a set."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Column, Table
from torch import Tensor

from pipelines.console import counting, say
from pipelines.device import evaluation_device
from pipelines.snapshots import describe, open_snapshot
from progan.data.labelled import LabelledImages
from progan.data.manifest import Manifest
from progan.data.settings import DataConfig, open_set
from progan.engine.snapshot import Snapshot
from progan.files import require_writable
from progan.metrics.classification import Classification, ClassScore, answer, score
from progan.rundir import run_of
from progan.types import DataError

BATCH = 256  # images asked about at once
WIDEST = 20  # classes of which a table of confusions is shown; classification.jsonl has it of any number
NAMED = 5  # classes named in a message


def classify(source: Path, data: str) -> None:
    """`source`: a snapshot, or a run whose last one is meant. The answers' score is shown and kept in the run."""
    snapshot, manifest = open_snapshot(source), open_set(DataConfig(path=data))
    _require_fitting(manifest, snapshot)
    began = time.monotonic()
    run = run_of(snapshot.path)
    if run is not None:
        require_writable(run.classifications)
    found = _ask(snapshot, manifest)
    if run is not None:
        run.append_classification(_record(found, snapshot, manifest, time.monotonic() - began))
    _show(found)
    where = f"on the {found.images:,} labelled images of {manifest.place.describe()}"
    say(f"{describe(snapshot)}: {found.errors:,} of {found.answers:,} answers wrong ({1 - found.accuracy:.2%}) {where}")


def _require_fitting(manifest: Manifest, snapshot: Snapshot) -> None:
    """DataError unless the set has such images and labels as the snapshot was trained on."""
    name, resolution, trained = manifest.place.describe(), snapshot.phase.resolution, snapshot.data
    if not trained.num_classes:
        raise _without_classes(snapshot)
    if (manifest.spec.classes, manifest.spec.multilabel) != (trained.classes, trained.multilabel):
        rule = f"are not the {_listed(trained.classes)} that {snapshot.path} was trained on"
        raise DataError(
            f"{name}: its labels, {_listed(manifest.spec.classes)}, {rule}; prepare it with the same --label"
        )
    if resolution not in manifest.resolutions:
        rule = f"has no images of {resolution} px, at which {snapshot.path} looks"
        raise DataError(f"{name}: {rule}; prepare it with --resolution {resolution}")


def _without_classes(snapshot: Snapshot) -> DataError:
    remedy = "train one that does, as semi-supervised, on a set with labels"
    return DataError(f"{snapshot.path}: its discriminator does not tell classes apart; {remedy}")


def _listed(classes: Sequence[str]) -> str:
    """The first of them, for a message."""
    more = f" ... ({len(classes)} in all)" if len(classes) > NAMED else ""
    return ", ".join(classes[:NAMED]) + more if classes else "none"


def _ask(snapshot: Snapshot, manifest: Manifest) -> Classification:
    given: list[Tensor] = []
    device, system, phase = evaluation_device(), snapshot.system, snapshot.phase
    discriminator = system.discriminator.to(device)
    with counting("classify", "images") as show, closing(LabelledImages(manifest, phase.resolution)) as images:
        for start in range(0, len(images), BATCH):
            batch = images.read(np.arange(start, min(start + BATCH, len(images))))
            found = answer(discriminator, batch, device, phase.fade, system.group)
            if found is None:
                raise _without_classes(snapshot)
            given.append(found)
            show(start + len(found), len(images), 0, "")
        return score(torch.cat(given), images.labels, snapshot.data.classes)


def _record(found: Classification, snapshot: Snapshot, manifest: Manifest, seconds: float) -> dict[str, Any]:
    """A line of classification.jsonl."""
    return {
        "images_seen": snapshot.images_seen,
        "resolution": snapshot.phase.resolution,
        "accuracy": found.accuracy,
        **asdict(found),
        "provenance": {
            "snapshot": snapshot.path.name,
            "fade": snapshot.phase.fade,
            "data": manifest.place.describe(),
            "data_fingerprint": manifest.spec.fingerprint,
            "of_the_training_set": manifest.spec.fingerprint == snapshot.data.fingerprint,
            "unlabelled": manifest.count - found.images,  # images that were left out
            "seconds": round(seconds, 2),
        },
    }


def _show(found: Classification) -> None:
    console = Console(width=40 + 12 * min(len(found.classes), WIDEST))
    console.print(_scores(found.classes))
    if found.confusion is not None and len(found.classes) <= WIDEST:
        console.print(_confusion(found.confusion, [one.name for one in found.classes]))


def _scores(classes: Sequence[ClassScore]) -> Table:
    table = Table("class", *_right("images", "precision", "recall", "accuracy"))
    for one in classes:
        shares = (one.precision, one.recall, one.accuracy)
        table.add_row(one.name, f"{one.images:,}", *("-" if share is None else f"{share:.2%}" for share in shares))
    return table


def _confusion(counts: list[list[int]], names: Sequence[str]) -> Table:
    table = Table("class, taken for", *_right(*names))
    for name, row in zip(names, counts, strict=True):
        table.add_row(name, *(f"{count:,}" for count in row))
    return table


def _right(*headers: str) -> list[Column]:
    """Columns of numbers."""
    return [Column(header, justify="right") for header in headers]

"""Probe: how much of a discriminator's features linear classifiers can use, against pixels and against no training."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import progan
from pipelines.console import measuring_progress, say
from pipelines.device import evaluation_device
from pipelines.measuring import EVALUATION_SEED
from pipelines.snapshots import open_snapshot
from progan.data.labelled import LabelledImages
from progan.data.reading.order import Numbers
from progan.data.settings import DataConfig, open_set
from progan.engine.snapshot import Snapshot
from progan.files import read_json, require_writable, validated, write_json
from progan.metrics import probes, supervised
from progan.metrics.classification import confusion
from progan.metrics.gathering import Progress
from progan.metrics.linear import Kind, require_scikit_learn
from progan.metrics.probe_features import RULES, Discriminating, Layers, Look, features_of, pixels_of
from progan.metrics.probes import FOLDS, Answers, Known, Trial
from progan.metrics.supervised import Supervised
from progan.metrics.weights import sha256_of
from progan.random import key
from progan.report.probes import accuracy_table, caption, class_table
from progan.report.records import Probes
from progan.rundir import run_of
from progan.systems.system import set_phase
from progan.systems.table import build
from progan.types import ConfigError, DataError

Features = Literal["pixels", "random", "trained", "supervised"]


@dataclass(frozen=True)
class Request:
    """What is probed."""

    labels: tuple[int | None, ...]  # how many are learned; None: all
    features: tuple[Features, ...]
    layers: Layers
    seeds: tuple[int, ...]


def parse(labels: str, features: str, layers: str, seeds: int) -> Request:
    """ConfigError for what there is not."""
    for option, given, known in (("--features", features, get_args(Features)), ("--layers", layers, get_args(Layers))):
        wrong = [name for name in given.split(",") if name not in known]
        if wrong:
            raise ConfigError(f"{option} {wrong[0]}: choose of {', '.join(known)}")
    numbers = tuple(None if text == "all" else int(text) if text.isdecimal() else 0 for text in labels.split(","))
    if any(number is not None and number < FOLDS for number in numbers):
        rule = f"give numbers from {FOLDS} on, or all, with commas between, as all,1000,100"
        raise ConfigError(f"--labels {labels}: {rule}; so many parts are held out in turn")
    drawn = tuple(EVALUATION_SEED + number for number in range(seeds))
    chosen: Any = tuple(dict.fromkeys(features.split(",")))
    return Request(tuple(dict.fromkeys(numbers)), chosen, "all" if layers == "all" else "last", drawn)


def probe(source: Path, train: str, test: str, request: Request, out: Path | None) -> None:
    """Print what every classifier reaches, and write it to `out`, or into the run that `source` is."""
    require_scikit_learn()
    snapshot = open_snapshot(source)
    run = run_of(snapshot.path)
    if out is None and run is not None:
        out = run.probe(snapshot.images_seen)
    if out is not None:
        require_writable(out)
    with ExitStack() as open_:
        learned, asked = (open_.enter_context(closing(_opened(path, snapshot))) for path in (train, test))
        _require_a_test(learned, asked)
        progress = open_.enter_context(measuring_progress())
        probing = _Probing(snapshot, learned, asked, request, progress)
        probing.require_possible()
        facts = _facts(snapshot, learned, asked, request)
        before = _scores_before(out, facts)
        scores = probing.scores()
    again = {_place(score) for score in scores}
    found = facts | {"scores": [*(score for score in before if _place(score) not in again), *scores]}
    _print(Probes.model_validate(found))
    if out is not None:
        write_json(out, found)
        say(f"{out}: written, with precision and recall of each class for every row")


def _scores_before(out: Path | None, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """What an earlier call has written to `out`, of other features or numbers of labels.

    DataError where it probed otherwise: its scores do not belong into one table with these, and would be lost.
    """
    if out is None or not out.exists():
        return []
    before, now = read_json(out), json.loads(json.dumps(facts))
    for name in now:
        if before.get(name) != now[name]:
            values = "" if isinstance(now[name], dict) else f": {before.get(name)}, not {now[name]}"
            rule = f"holds probes with other {name}{values}"
            raise DataError(f"{out}: {rule}; give another --out, or take it away")
    validated(out, Probes, before)
    scores: list[dict[str, Any]] = before["scores"]
    return scores


def _place(score: dict[str, Any]) -> tuple[Any, ...]:
    """In the table."""
    return score["features"], score["classifier"], score["labels"]


def _opened(path: str, snapshot: Snapshot) -> LabelledImages:
    manifest = open_set(DataConfig(path=path))
    if manifest.spec.multilabel:
        name = manifest.place.describe()
        raise DataError(f"{name}: has several labels an image; prepare it with one, as --label Smiling")
    return LabelledImages(manifest, snapshot.phase.resolution)


def _require_a_test(learned: LabelledImages, asked: LabelledImages) -> None:
    if learned.spec.classes != asked.spec.classes:
        shown = [", ".join(each.spec.classes[:4]) for each in (learned, asked)]
        rule = f"its classes ({shown[1]}) are not those of {learned.name} ({shown[0]})"
        raise DataError(f"--test {asked.name}: {rule}; prepare both with the same --label")
    if learned.spec.fingerprint == asked.spec.fingerprint:
        raise DataError(f"--test {asked.name}: the same images as --train; prepare others, as with --partition test")


class _View(NamedTuple):
    """Both sets as one kind of features shows them."""

    learned: torch.Tensor  # NF
    asked: torch.Tensor  # MF


@dataclass(frozen=True)
class _Probing:
    snapshot: Snapshot
    learned: LabelledImages
    asked: LabelledImages
    request: Request
    progress: Progress

    def require_possible(self) -> None:
        """ConfigError before anything that takes time."""
        if {"random", "trained"} & set(self.request.features):
            self._body(self.snapshot.system.discriminator).looking(self.request.layers)(
                self.learned.read(np.arange(1)).images
            )
        for count in self.request.labels:
            self._numbers(count, self.request.seeds[0])

    def scores(self) -> list[dict[str, Any]]:
        """For each kind of features, classifier and number of labels, as `probes.score` says."""
        alike: dict[tuple[str, int, str], list[Trial]] = {}
        for features in self.request.features:
            for trial in self._trials(features):
                alike.setdefault((trial.features, trial.learned, trial.classifier), []).append(trial)
        return [probes.score(trials, self.learned.spec.classes) for trials in alike.values()]

    def _trials(self, features: Features) -> Iterator[Trial]:
        if features == "supervised":
            for seed in self.request.seeds:
                yield from (self._taught(count, seed) for count in self.request.labels)
            return
        fixed = None if features == "random" else self._view(features, 0)
        for seed in self.request.seeds:
            view = fixed or self._view(features, seed)
            for count in self.request.labels:
                if fixed and count is None and seed != self.request.seeds[0]:
                    continue  # nothing in it is drawn
                for kind in get_args(Kind):
                    yield self._fitted(features, view, count, seed, kind)

    def _view(self, features: Features, seed: int) -> _View:
        look = pixels_of(self.learned) if features == "pixels" else self._look(features, seed)
        told = [partial(self.progress, f"{features} features, {name} images") for name in ("training", "test")]
        return _View(features_of(self.learned, look, told[0]), features_of(self.asked, look, told[1]))

    def _look(self, features: Features, seed: int) -> Look:
        body = self._body(self.snapshot.system.discriminator) if features == "trained" else self._untrained(seed)
        body.calibrate(self.learned)
        return body.looking(self.request.layers)

    def _untrained(self, seed: int) -> Discriminating:
        """The same architecture with weights drawn by the seed."""
        torch.manual_seed(key(seed, "probe-weights", 0))
        system = build(self.snapshot.config, self.snapshot.data, self.snapshot.system.resolution)
        set_phase(system.discriminator, self.snapshot.phase)
        body = self._body(system.discriminator)
        body.calibrate(self.learned, system.calibrate)
        return body

    def _body(self, discriminator: torch.nn.Module) -> Discriminating:
        return Discriminating(discriminator, self.snapshot.system.labels, self.snapshot.phase.fade, evaluation_device())

    def _fitted(self, features: str, view: _View, count: int | None, seed: int, kind: Kind) -> Trial:
        numbers = self._numbers(count, seed)
        self.progress(f"{kind} on {features}, {len(numbers)} labels, seed {seed}", 0, 0)
        known = Known(view.learned[torch.from_numpy(numbers)], self.learned.labels[torch.from_numpy(numbers)])
        found = probes.answer(kind, known, view.asked, seed)
        return self._trial(features, len(numbers), kind, found)

    def _taught(self, count: int | None, seed: int) -> Trial:
        numbers, body = self._numbers(count, seed), self._untrained(seed)
        width = body.look(self.learned.read(numbers[:1]).images).shape[1]
        pupil = Supervised(body, width, len(self.learned.spec.classes))
        pupil.learn(
            self.learned, numbers, seed, partial(self.progress, f"supervised, {len(numbers)} labels, seed {seed}")
        )
        said = pupil.answers(self.asked, partial(self.progress, "supervised, test images"))
        return self._trial("supervised", len(numbers), "network", Answers(said))

    def _numbers(self, count: int | None, seed: int) -> Numbers:
        if count is None:
            return np.arange(len(self.learned))
        return probes.even_subset(self.learned.labels, len(self.learned.spec.classes), count, seed)

    def _trial(self, features: str, learned: int, classifier: str, found: Answers) -> Trial:
        counts = confusion(found.labels, self.asked.labels, len(self.learned.spec.classes))
        return Trial(features, learned, classifier, counts, found.c, found.converged)


def _facts(snapshot: Snapshot, learned: LabelledImages, asked: LabelledImages, request: Request) -> dict[str, Any]:
    return {
        "snapshot": snapshot.path.name,
        "snapshot_sha256": sha256_of(snapshot.path),
        "images_seen": snapshot.images_seen,
        "resolution": snapshot.phase.resolution,
        "fade": snapshot.phase.fade,
        "layers": request.layers,
        "seeds": list(request.seeds),
        "classes": list(learned.spec.classes),
        "train": learned.name,
        "train_images": len(learned),
        "train_fingerprint": learned.spec.fingerprint,
        "test": asked.name,
        "test_images": len(asked),
        "test_fingerprint": asked.spec.fingerprint,
        "rules": {**RULES, "linear": probes.RULE, "supervised": supervised.RULE},
        "versions": {"progan": progan.__version__, "torch": version("torch"), "scikit-learn": version("scikit-learn")},
    }


def _print(found: Probes) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for title, (head, rows) in (("precision / recall, in %", class_table(found)), ("accuracy", accuracy_table(found))):
        table = Table(*head, title=title)
        for row in rows:
            table.add_row(*row)
        if rows:
            console.print(table)
    console.print(caption(found))

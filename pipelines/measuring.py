"""Measuring generators as a run's settings say: results as lines of metrics.jsonl."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.console import say
from pipelines.device import evaluation_device
from pipelines.drawing import images_of
from progan.data.loader import Loader
from progan.data.manifest import Manifest
from progan.distributed.world import World
from progan.engine.snapshot import Snapshot
from progan.metrics import MetricSpec
from progan.metrics.classifier_file import classifier_network
from progan.metrics.evaluator import Evaluator
from progan.metrics.features import FeatureNetwork, inception
from progan.metrics.gathering import Progress, silent
from progan.metrics.real_side import RealSet
from progan.metrics.settings import EvaluationConfig
from progan.metrics.weights import load_weights
from progan.report.wording import number
from progan.rundir import RunDirectory
from progan.schedule import Phase
from progan.settings import Config, make_schedule, untrained_system
from progan.systems.system import System, set_phase
from progan.types import DataSpec

EVALUATION_SEED = 1  # apart from the training's draws
CACHE = Path.home() / ".cache" / "progan" / "metrics"


def make_evaluator(
    config: Config,
    loader: Loader,
    manifest: Manifest,
    names: Sequence[str] | None = None,
    world: World | None = None,
) -> Evaluator:
    """The evaluator of the settings' metrics, or of `names`. world: the processes that share the work."""
    real = RealSet(loader.images, manifest.spec.count, manifest.spec.fingerprint, loader.metric_order)
    return evaluator_of(
        config.evaluation.metrics if names is None else names,
        real,
        lambda: load_network(config.evaluation),
        mirror=config.data.mirror,
        cache=_cache(config),
        world=world,
    )


def _cache(config: Config) -> Path | None:
    """None where another image may stand for one that cannot be read: that holds for this copy of the set alone."""
    return None if config.data.on_error == "skip" else config.evaluation.cache or CACHE


def evaluator_of(
    names: Sequence[str | MetricSpec],
    real: RealSet,
    load_network: Callable[[], FeatureNetwork],
    mirror: bool = False,  # half of the real images
    cache: Path | None = None,
    world: World | None = None,
) -> Evaluator:
    """As all commands measure: with one seed, on the device at hand."""
    shown = real.mirrored(EVALUATION_SEED) if mirror else real
    return Evaluator(names, shown, EVALUATION_SEED, evaluation_device(), load_network, cache, world=world, note=say)


def load_network(settings: EvaluationConfig, weights_named_by: str = "evaluation.weights") -> FeatureNetwork:
    """The classifier that the settings name, else Inception; DataError says what is missing or wrong."""
    device = evaluation_device()
    if settings.network is not None:
        return classifier_network(settings.network, device)
    return inception(load_weights(settings.weights, weights_named_by), device)


@dataclass(frozen=True)
class Changes:
    """Of the settings of a run's evaluation; None: as they are."""

    seeds: int | None = None
    network: Path | None = None

    def made_to(self, config: Config) -> Config:
        wanted = {name: value for name, value in vars(self).items() if value is not None}
        return config.model_copy(update={"evaluation": config.evaluation.model_copy(update=wanted)})


@dataclass(frozen=True)
class _Subject:
    """A generator to be measured."""

    system: System
    resolution: int
    images_seen: int
    facts: dict[str, Any]  # of its own


def measure_snapshot(
    evaluator: Evaluator, snapshot: Snapshot, config: Config, progress: Progress = silent
) -> list[dict[str, Any]]:
    """Lines for metrics.jsonl."""
    facts = {"snapshot": snapshot.path.name, "fade": snapshot.phase.fade}
    subject = _Subject(snapshot.system, snapshot.phase.resolution, snapshot.images_seen, facts)
    return _measure(evaluator, subject, config, progress)


def measure_untrained(
    evaluator: Evaluator, config: Config, data: DataSpec, progress: Progress = silent
) -> list[dict[str, Any]]:
    """Lines for metrics.jsonl of the untrained generator in the last stage: what training has to improve on."""
    system, last = untrained_system(config, data), make_schedule(config).stages[-1]
    set_phase(system.generator, Phase(last.index, last.resolution, 1.0, last.batch, last.lr))
    subject = _Subject(system, last.resolution, 0, {"snapshot": "untrained"})
    return _measure(evaluator, subject, config, progress)


def _measure(evaluator: Evaluator, subject: _Subject, config: Config, progress: Progress) -> list[dict[str, Any]]:
    """As many sets of generated images as the settings say."""
    seeds = [EVALUATION_SEED + number for number in range(config.evaluation.seeds)]
    draws = [images_of(subject.system, subject.resolution, seed) for seed in seeds]
    records = evaluator.measure(draws, subject.resolution, progress)
    facts = {"seeds": seeds, **subject.facts}
    seen = {"images_seen": subject.images_seen}
    return [record | seen | {"provenance": record["provenance"] | facts} for record in records]


def record_all(records: list[dict[str, Any]], directory: RunDirectory) -> list[dict[str, Any]]:
    """Append results to metrics.jsonl and say them -> the same."""
    for record in records:
        directory.append_metric(record)
        say(line(record))
    return records


def line(record: dict[str, Any]) -> str:
    """A metric of a generator as a line for people."""
    when = f"{record['images_seen'] / 1000:.1f} kimg" if record["images_seen"] else "untrained"
    return f"{result(record)}  {when}, {record['resolution']} px"


def result(record: dict[str, Any]) -> str:
    """Name, value and floor of a metric for people."""
    floor = "" if record["floor"] is None else f"  (real images {number(record['floor'])})"
    reach = "" if record["interval"] is None else f" ± {number(record['interval'][1] - record['value'])}"
    return f"{record['metric']} {number(record['value'])}{reach}{floor}"

"""The rows of the report's tables, as text ready to be escaped and shown."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from progan.config import dotted
from progan.report.records import ClassificationRecord, Measurement, Notice, PhaseFact, RunRecord
from progan.report.speed import Speed
from progan.report.wording import NOTHING, count, duration, kimg, memory, number, percent, short_hash

MANY = 24  # entries of a list that are still written out

Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class Protocol:
    """One way in which one metric was measured, and how often."""

    metric: str
    cells: tuple[str, ...]  # count, seeds, data, weights, preprocessing, processes, measured, seconds each
    details: str  # everything recorded of the last measurement, as JSON


def state_rows(record: RunRecord) -> Rows:
    total = record.total
    share = f" ({min(1.0, record.images_seen / total):.0%})" if total else ""
    rows: Rows = [("Images seen", f"{count(record.images_seen)}" + (f" of {count(total)}{share}" if total else ""))]
    if record.ticks:
        last = record.ticks[-1]
        fade = f", fading in ({last.fade:.2f})" if last.fading else ""
        rows.append(("Resolution", f"{last.resolution} px{fade}"))
        rows.append(("Training time", duration(last.elapsed_seconds)))
        rows.append(("Speed now", f"{number(median(tick.images_per_second for tick in record.ticks[-5:]))} images/s"))
    rows.append(("State", _state(record)))
    rows.append(("Snapshots", f"{len(record.run.snapshots())} kept{_newest(record)}"))
    return rows


def _state(record: RunRecord) -> str:
    if record.status is not None and record.status.state == "failed":
        return f"failed: {record.status.problem}"
    if not record.ticks:
        return "nothing trained yet"
    return "finished" if record.finished else "unfinished: where it is not running, the same command goes on"


def _newest(record: RunRecord) -> str:
    snapshots = record.run.snapshots()
    return f", newest {snapshots[-1].name}" if snapshots else ""


def classification_rows(found: ClassificationRecord) -> Rows:
    """Class, images, precision, recall, accuracy."""
    return [
        (one.name, count(one.images), *map(percent, (one.precision, one.recall, one.accuracy))) for one in found.classes
    ]


def classification_facts(found: ClassificationRecord) -> str:
    """A sentence about all classes together."""
    data = found.provenance.get("data")
    return (
        f"The discriminator at {kimg(found.images_seen)} kimg was asked about {count(found.images)} labelled images"
        f"{f' of {data}' if data else ''}: {count(found.errors)} of {count(found.answers)} answers are wrong, "
        f"{percent(found.accuracy)} right."
    )


def warning_rows(notices: Iterable[Notice]) -> Rows:
    """When, and what the watch said."""
    return [
        (f"{kimg(one.images_seen)} kimg", f"{'Begun' if one.state == 'bad' else 'Over'}: {one.failure}. {one.sentence}")
        for one in notices
    ]


def phase_rows(record: RunRecord) -> Rows:
    """Number, first and last kimg, resolution, batch, learning rate, state."""
    return [
        (
            str(index),
            f"{kimg(phase.start)} – {kimg(phase.end)}",
            f"fade to {phase.resolution} px" if phase.fading else f"{phase.resolution} px",
            count(phase.batch),
            number(phase.lr),
            _phase_state(phase, record.images_seen),
        )
        for index, phase in enumerate(record.phases)
    ]


def _phase_state(phase: PhaseFact, images_seen: int) -> str:
    if images_seen >= phase.end:
        return "done"
    return "now" if images_seen > phase.start or images_seen == phase.start == 0 else "to come"


def speed_rows(speeds: Iterable[Speed]) -> Rows:
    """Resolution, kimg, batch, median images/s, share of the time outside training, peak memory, time."""
    return [
        (
            f"{one.resolution} px",
            kimg(one.images),
            ", ".join(str(batch) for batch in one.batches),
            number(one.images_per_second),
            NOTHING if one.outside is None else f"{one.outside:.0%}",
            memory(one.memory_mb),
            duration(one.seconds),
        )
        for one in speeds
    ]


def fact_rows(facts: Mapping[str, Any]) -> Rows:
    """Nested facts as dotted names with their values, lists written out in part."""
    return [(name, _fact(value)) for name, value in dotted(facts).items()]


def neighbour_facts(facts: Mapping[str, Any]) -> str:
    """The verdict of a search for nearest neighbours as a sentence, then its numbers; what is absent is left out."""
    said = str(facts.get("verdict") or "").strip().rstrip(".")
    numbers = "; ".join(
        f"{name.replace('_', ' ')} {number(value)}" for name, value in facts.items() if isinstance(value, int | float)
    )
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in (said, numbers) if part)


def _fact(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: NOTHING}[value]
    if isinstance(value, list):
        rest = f" … ({len(value)} in all)" if len(value) > MANY else ""
        return ", ".join(str(entry) for entry in value[:MANY]) + rest if value else "none"
    return count(value) if isinstance(value, int) else str(value)


def protocols(measurements: Iterable[Measurement]) -> list[Protocol]:
    """Every way in which every metric was measured, oldest first."""
    groups: dict[tuple[str, ...], list[Measurement]] = {}
    for one in measurements:
        groups.setdefault((one.metric, *one.conditions, _seeds(one.provenance)), []).append(one)
    return [_protocol(group) for group in groups.values()]


def _protocol(group: list[Measurement]) -> Protocol:
    provenance = group[-1].provenance
    seconds = [float(one.provenance["seconds"]) for one in group if one.provenance.get("seconds") is not None]
    cells = (
        count(provenance.get("count")),
        _seeds(provenance),
        short_hash(provenance.get("data_fingerprint")) + (", mirrored" if group[-1].real_mirrored else ""),
        short_hash(provenance.get("weights_sha256")),
        str(provenance.get("preprocessing") or NOTHING),
        str(provenance.get("processes") or NOTHING),
        "once" if len(group) == 1 else f"{len(group)} times",
        duration(median(seconds)) if seconds else NOTHING,
    )
    return Protocol(group[-1].metric, cells, json.dumps(provenance, indent=1, ensure_ascii=False, default=str))


def _seeds(provenance: Mapping[str, Any]) -> str:
    """The seeds of the values a value is the mean of, or its one seed."""
    seeds = provenance.get("seeds") or [provenance.get("seed", NOTHING)]
    return ", ".join(str(seed) for seed in seeds)


def commands(record: RunRecord) -> list[str]:
    """What to type to get this run, its metrics and this report again."""
    root = shlex.quote(str(record.run.root))
    trained = record.facts.get("command") or f"progan train {shlex.quote(str(record.run.config))}"
    return [str(trained), f"progan evaluate {root}", f"progan report {root}"]

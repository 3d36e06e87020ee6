"""The rows of the report's tables, as text ready to be escaped and shown."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from progan.report.records import Measurement, PhaseFact, RunRecord, Tick
from progan.report.wording import NOTHING, count, duration, kimg, memory, number, short_hash

MANY = 24  # entries of a list that are still written out

Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class Protocol:
    """One way in which one metric was measured, and how often."""

    metric: str
    cells: tuple[str, ...]  # images, seed, data, weights, measured, seconds each
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
    if not record.ticks:
        return "nothing trained yet"
    return "finished" if record.finished else "unfinished: where it is not running, the same command goes on"


def _newest(record: RunRecord) -> str:
    snapshots = record.run.snapshots()
    return f", newest {snapshots[-1].name}" if snapshots else ""


def phase_rows(record: RunRecord) -> Rows:
    """Number, first and last kimg, resolution, batch, learning rate, state."""
    return [
        (
            str(index),
            f"{kimg(phase.start)} – {'no end' if phase.end is None else kimg(phase.end)}",
            f"fade to {phase.resolution} px" if phase.fading else f"{phase.resolution} px",
            count(phase.batch),
            number(phase.lr),
            _phase_state(phase, record.images_seen),
        )
        for index, phase in enumerate(record.phases)
    ]


def _phase_state(phase: PhaseFact, images_seen: int) -> str:
    if phase.end is not None and images_seen >= phase.end:
        return "done"
    return "now" if images_seen > phase.start or images_seen == phase.start == 0 else "to come"


def speed_rows(ticks: Sequence[Tick]) -> Rows:
    """Resolution, kimg, batch, median images/s, share of the time outside training, peak memory, time."""
    return [_speed_row(resolution, ticks) for resolution in sorted({tick.resolution for tick in ticks})]


def _speed_row(resolution: int, ticks: Sequence[Tick]) -> tuple[str, ...]:
    first = next(index for index, tick in enumerate(ticks) if tick.resolution == resolution)
    here = [tick for tick in ticks if tick.resolution == resolution]
    before = ticks[first - 1].images_seen if first else 0
    training, maintenance = sum(tick.seconds for tick in here), sum(tick.maintenance_seconds for tick in here)
    used = [tick.memory_mb for tick in here if tick.memory_mb is not None]
    return (
        f"{resolution} px",
        kimg(here[-1].images_seen - before),
        ", ".join(str(batch) for batch in sorted({tick.batch for tick in here})),
        number(median(tick.images_per_second for tick in here)),
        f"{maintenance / (training + maintenance):.0%}" if training + maintenance > 0 else NOTHING,
        memory(max(used) if used else None),
        duration(training + maintenance),
    )


def fact_rows(facts: Mapping[str, Any], prefix: str = "") -> Rows:
    """Nested facts as dotted names with their values, lists written out in part."""
    rows: Rows = []
    for name, value in facts.items():
        dotted = f"{prefix}{name}"
        rows += fact_rows(value, f"{dotted}.") if isinstance(value, Mapping) else [(dotted, _fact(value))]
    return rows


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
        groups.setdefault((one.metric, *one.protocol, str(one.provenance.get("seed"))), []).append(one)
    return [_protocol(group) for group in groups.values()]


def _protocol(group: list[Measurement]) -> Protocol:
    provenance = group[-1].provenance
    seconds = [float(one.provenance["seconds"]) for one in group if one.provenance.get("seconds") is not None]
    cells = (
        count(provenance.get("count")),
        str(provenance.get("seed", NOTHING)),
        short_hash(provenance.get("data_fingerprint")),
        short_hash(provenance.get("weights_sha256")),
        "once" if len(group) == 1 else f"{len(group)} times",
        duration(median(seconds)) if seconds else NOTHING,
    )
    return Protocol(group[-1].metric, cells, json.dumps(provenance, indent=1, ensure_ascii=False, default=str))


def commands(record: RunRecord) -> list[str]:
    """What to type to get this run, its metrics and this report again."""
    root = shlex.quote(str(record.run.root))
    trained = record.facts.get("command") or f"progan train {shlex.quote(str(record.run.config))}"
    return [str(trained), f"progan evaluate {root}", f"progan report {root}"]

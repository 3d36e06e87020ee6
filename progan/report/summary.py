"""The report for machines: everything the page says, as JSON with names that stay."""

import math
from collections.abc import Mapping
from typing import Any

import yaml

from progan.report.account import Account
from progan.report.finding import Finding
from progan.report.headline import Headline
from progan.report.records import Measurement, RunRecord
from progan.report.speed import Speed
from progan.report.tables import commands

SCHEMA = 1  # raised when a key changes its meaning or goes; new keys come without


def summary(account: Account) -> dict[str, Any]:
    """report.json. Clocks are in images seen, resolutions in pixels, memory in MB (2^20 bytes), times in seconds;
    null: not known. Numbers that are not finite and dates are written as text.

    schema      1
    name, path  of the run directory
    verdict     the paragraph at the head of the page
    notes       what a reader of the numbers has to know, a list of sentences
    state       images_seen, total_images, share (0 to 1), finished, status (of status.json), resolution, fade (0 to 1),
                training_seconds, snapshots (file names, oldest first)
    headlines   a list in the order of the page:
                metric, title, better ("lower", "higher", "match", null), counted (as "2,048 images"),
                last, best, untrained (each a measurement or null), floor, last_to_floor, untrained_to_last, slip,
                series (the comparable trained measurements), set_aside (how many were not comparable)
                a measurement: value, interval ([low, high], 95 %, or null), images_seen, resolution, floor, provenance
    diagnosis   verdict, failures (what is bad, causes first), findings: a list of failure (what is looked for), name,
                measure (what the value is), value, threshold (from which on it is watched), bad_threshold,
                state ("fine", "watch", "bad", "not measured"), sentence; warnings: what the watch said in training, a
                list of images_seen, finding (its name), failure, state ("bad", or "fine" where it was over), sentence
    classification  the last line of classification.jsonl as far as the page shows it, or null
    probes      the newest file of probes/ as far as the page shows it, or null
    neighbours  of the newest search: images_seen, spaces (facts by space: verdict, percentile, ...), or null
    speed       a list, smallest resolution first: resolution, images, batches, images_per_second (median), outside
                (share of the time not training), memory_mb (peak), seconds
    phases      the phase table: start, end, resolution, fading, batch, lr
    settings    config.yaml
    facts       facts.json without its phases
    commands    what to type to get run, metrics and report again
    """
    record = account.record
    content = {
        "schema": SCHEMA,
        "name": account.name,
        "path": str(record.run.root),
        "verdict": account.verdict,
        "notes": account.notes,
        "state": _state(record),
        "headlines": [_headline(one) for one in account.headlines],
        "classification": record.classification.model_dump() if record.classification else None,
        "probes": record.probes.model_dump() if record.probes else None,
        "neighbours": _neighbours(record),
        "diagnosis": diagnosis(account),
        "speed": [_speed(one) for one in account.speeds],
        "phases": [phase.model_dump() for phase in record.phases],
        "settings": yaml.safe_load(record.settings),
        "facts": {name: fact for name, fact in record.facts.items() if name != "phases"},
        "commands": commands(record),
    }
    plain_content: dict[str, Any] = plain(content)
    return plain_content


def diagnosis(account: Account) -> dict[str, Any]:
    """The part of that name in `summary`."""
    return {
        "verdict": account.diagnosis.verdict,
        "failures": list(account.diagnosis.failures),
        "findings": [_finding(one) for one in account.diagnosis.findings],
        "warnings": [notice.model_dump() for notice in account.record.notices],
    }


def measured(one: Measurement | None) -> dict[str, Any] | None:
    """A measurement as the docstring of `summary` says."""
    return None if one is None else one.model_dump(exclude={"metric"})


def plain(value: Any) -> Any:
    """What JSON can hold: text for dates and for numbers that are not finite, lists for tuples."""
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _state(record: RunRecord) -> dict[str, Any]:
    last = record.ticks[-1] if record.ticks else None
    return {
        "images_seen": record.images_seen,
        "total_images": record.total,
        "share": min(1.0, record.images_seen / record.total) if record.total else None,
        "finished": record.finished,
        "status": record.status.state if record.status else None,
        "resolution": last.resolution if last else None,
        "fade": last.fade if last else None,
        "training_seconds": last.elapsed_seconds if last else 0.0,
        "snapshots": [path.name for path in record.run.snapshots()],
    }


def _neighbours(record: RunRecord) -> dict[str, Any] | None:
    found = record.neighbours
    return None if found is None else {"images_seen": found.images_seen, "spaces": found.facts}


def _headline(one: Headline) -> dict[str, Any]:
    return {
        "metric": one.metric,
        "title": one.title,
        "better": one.better,
        "counted": one.counted,
        "last": measured(one.last),
        "best": measured(one.best),
        "untrained": measured(one.untrained),
        "floor": one.floor,
        "last_to_floor": one.last_to_floor,
        "untrained_to_last": one.untrained_to_last,
        "slip": one.slip,
        "series": [measured(each) for each in one.series],
        "set_aside": one.set_aside,
    }


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "failure": one.failure,
        "name": one.name,
        "measure": one.measure,
        "value": one.value,
        "threshold": one.limits.watch if one.limits else None,
        "bad_threshold": one.limits.bad if one.limits else None,
        "state": one.state,
        "sentence": one.sentence,
    }


def _speed(one: Speed) -> dict[str, Any]:
    return {
        "resolution": one.resolution,
        "images": one.images,
        "batches": one.batches,
        "images_per_second": one.images_per_second,
        "outside": one.outside,
        "memory_mb": one.memory_mb,
        "seconds": one.seconds,
    }

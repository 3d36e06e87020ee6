"""Several runs on one page: their metrics, curves, pictures, speeds and settings side by side."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from progan.report import tables
from progan.report.account import Account, read_account
from progan.report.canvas import Drawing, Key
from progan.report.contest import Contest, contests
from progan.report.differences import setting_differences, unique_names
from progan.report.figures import loss_terms
from progan.report.one import PLAYERS, speed_figures
from progan.report.overlays import loss_overlay, metric_overlay, style
from progan.report.page import write_pages
from progan.report.pictures import whole_grid
from progan.report.records import PhaseFact, RunRecord
from progan.report.speed import Speed
from progan.report.summary import SCHEMA, summary
from progan.report.wording import NOTHING, count, duration, memory, number, short_hash
from progan.rundir import RunDirectory

GRID_WIDTH = 960  # pixels: a grid takes half the page


def build_comparison(runs: Sequence[RunDirectory], out: Path) -> Path:
    """Write `out` (.html) with .md and .json beside it and return it.

    The JSON holds `schema`; `runs`: by name what `summary` says of each; `headlines`: for each metric its title, better
    and note, and `entries`: by run null or {group, mark}, where values compare within a group only and mark is "best",
    "level" (its interval overlaps the best's) or ""; `settings`: by dotted name the text of those that differ, by run.
    Raises DataError if one of them is no run directory or has a broken file, ConfigError if one is given twice.
    """
    names = unique_names([run.root for run in runs])
    accounts = [read_account(run, name) for run, name in zip(runs, names, strict=True)]
    rows = contests([account.headlines for account in accounts])
    settings = setting_differences([yaml.safe_load(account.record.settings) for account in accounts])
    return write_pages("several", _content(accounts, rows, settings), _summary(accounts, rows, settings), out)


def _content(accounts: list[Account], rows: list[Contest], settings: dict[str, list[str]]) -> dict[str, Any]:
    latest = [account.record.samples[-1:] for account in accounts]
    styles = [style(index) for index in range(len(accounts))]
    legend = tuple(Key(one.glyph, one.variable, account.name) for one, account in zip(styles, accounts, strict=True))
    return {
        "accounts": accounts,
        "legend": legend,
        "states": [_state(account) for account in accounts],
        "contests": rows,
        "metric_figures": [replace(one, legend=legend) for one in _metric_figures(accounts, rows)],
        "loss_figures": [replace(one, legend=legend) for one in _loss_figures(accounts)],
        "lone_terms": [term for term, times in _terms(accounts).items() if times == 1],
        "grids": [whole_grid(one[0], GRID_WIDTH) if one else None for one in latest],
        "speed": _speed_rows(accounts),
        "speed_figures": [replace(one, legend=legend) for one in speed_figures(accounts)],
        "settings": [(name, *values) for name, values in settings.items()],
    }


def _state(account: Account) -> tuple[str, ...]:
    """Images seen, resolution, time, device, data."""
    record = account.record
    last = record.ticks[-1] if record.ticks else None
    return (
        count(record.images_seen) + (f" of {count(record.total)}" if record.total else ""),
        f"{last.resolution} px" if last else NOTHING,
        duration(last.elapsed_seconds) if last else NOTHING,
        str(_fact(record, "environment", "device") or NOTHING),
        short_hash(_fact(record, "data", "fingerprint")),
    )


def _fact(record: RunRecord, section: str, name: str) -> Any:
    """None where the run has not recorded it."""
    facts = record.facts.get(section)
    return facts.get(name) if isinstance(facts, dict) else None


def _metric_figures(accounts: list[Account], rows: list[Contest]) -> list[Drawing]:
    drawn = []
    for row in rows:
        curves = [entry.headline if entry else None for entry in row.entries]
        shown = [account for account, one in zip(accounts, curves, strict=True) if one and one.series]
        if shown:
            until = max(account.until for account in shown)
            svg = metric_overlay(row.metric, curves, _shared_phases(shown), until)
            drawn.append(Drawing(row.metric, row.title, svg))
    return drawn


def _loss_figures(accounts: list[Account]) -> list[Drawing]:
    records = [account.record for account in accounts]
    drawn = []
    for term in (term for term, times in _terms(accounts).items() if times > 1):
        shown = [account for account in accounts if any(term in tick.losses for tick in account.record.ticks)]
        drawn.append(Drawing(term, "", loss_overlay(term, records, _shared_phases(shown))))
    return drawn


def _terms(accounts: list[Account]) -> Counter[str]:
    """Names of loss terms, with the number of runs that have each."""
    return Counter(
        term for player in PLAYERS for account in accounts for term in loss_terms(account.record.ticks, player)
    )


def _shared_phases(accounts: list[Account]) -> list[PhaseFact]:
    """The phase table where all runs have the same one: else no part of the clock is of one resolution."""
    first = accounts[0].record.phases
    return first if all(account.record.phases == first for account in accounts) else []


def _speed_rows(accounts: list[Account]) -> tables.Rows:
    """Resolution, then images/s and peak memory of each run."""
    resolutions = sorted({one.resolution for account in accounts for one in account.speeds})
    by_run = [{one.resolution: one for one in account.speeds} for account in accounts]
    rows: tables.Rows = []
    for resolution in resolutions:
        here = [speeds.get(resolution) for speeds in by_run]
        rows.append((f"{resolution} px", *(_speed(one) for one in here)))
    return rows


def _speed(one: Speed | None) -> str:
    return NOTHING if one is None else f"{number(one.images_per_second)} · {memory(one.memory_mb)}"


def _summary(accounts: list[Account], rows: list[Contest], settings: dict[str, list[str]]) -> dict[str, Any]:
    names = [account.name for account in accounts]
    return {
        "schema": SCHEMA,
        "runs": {account.name: summary(account) for account in accounts},
        "headlines": [
            {
                "metric": row.metric,
                "title": row.title,
                "better": row.better,
                "note": row.note,
                "entries": {
                    name: {"group": entry.group, "mark": entry.mark} if entry else None
                    for name, entry in zip(names, row.entries, strict=True)
                },
            }
            for row in rows
        ],
        "settings": {name: dict(zip(names, values, strict=True)) for name, values in settings.items()},
    }

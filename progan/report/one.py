"""The report of one run, made of its directory alone."""

from pathlib import Path
from typing import Any

from progan.report import tables
from progan.report.account import Account, read_account
from progan.report.bars import memory_bars, speed_bars
from progan.report.canvas import Drawing
from progan.report.figures import loss_figure, loss_terms, metric_figure
from progan.report.page import write_pages
from progan.report.pictures import Picture, evenly_chosen, grid_corner, whole_grid
from progan.report.probes import accuracy_table, caption, class_table
from progan.report.records import SPACES, RunRecord
from progan.report.summary import summary
from progan.rundir import RunDirectory

LATEST_WIDTH = 1920  # pixels: twice the width of the page, for dense screens
EVOLUTION = 12  # grids at most
EVOLUTION_CELLS = (8, 2)  # columns, rows: few, so that faces stay visible
EVOLUTION_WIDTH = 768  # pixels
PLAYERS = ("discriminator", "generator")


def build_report(run: RunDirectory, out: Path | None = None) -> Path:
    """Write report.html, .md and .json into the run, or beside `out` under its name, and return the page's path.

    Raises DataError if `run` is not a run directory or one of its files is broken; what is merely absent is said in the
    report.
    """
    account = read_account(run)
    return write_pages("one", _content(account), summary(account), run.report_html if out is None else out)


def _content(account: Account) -> dict[str, Any]:
    record = account.record
    return {
        "account": account,
        "record": record,
        "state": tables.state_rows(record),
        "warnings": tables.warning_rows(record.notices),
        "latest": whole_grid(record.samples[-1], LATEST_WIDTH) if record.samples else None,
        "evolution": _evolution(record),
        "walk": whole_grid(record.walk, LATEST_WIDTH) if record.walk else None,
        "neighbours": _neighbours(record),
        "classification": _classification(record),
        "probes": _probes(record),
        "metric_figures": _metric_figures(account),
        "loss_figures": _loss_figures(account),
        "speed": tables.speed_rows(account.speeds),
        "speed_figures": speed_figures([account]),
        "phases": tables.phase_rows(record),
        "facts": _facts(record),
        "protocols": tables.protocols(record.measurements),
        "commands": tables.commands(record),
    }


def speed_figures(accounts: list[Account]) -> list[Drawing]:
    """Bars of speed and memory, a colour for each run; none where nothing was trained."""
    of_runs = [account.speeds for account in accounts]
    if not any(of_runs):
        return []
    memory = memory_bars(of_runs)
    figures = [Drawing("Speed", "images per second", speed_bars(of_runs))]
    return figures + ([Drawing("Peak memory", "GB", memory)] if memory is not None else [])


def _evolution(record: RunRecord) -> list[Picture]:
    """Empty where a single grid tells nothing of change."""
    if len(record.samples) < 2:
        return []
    return [grid_corner(one, *EVOLUTION_CELLS, EVOLUTION_WIDTH) for one in evenly_chosen(record.samples, EVOLUTION)]


def _neighbours(record: RunRecord) -> list[tuple[str, Picture, str]]:
    """Space, picture and what is said of it, for each space in which neighbours were sought."""
    found = record.neighbours
    if found is None:
        return []
    return [
        (space, whole_grid(found.pictures[space], LATEST_WIDTH), tables.neighbour_facts(found.facts.get(space, {})))
        for space in SPACES
        if space in found.pictures
    ]


def _classification(record: RunRecord) -> tuple[str, tables.Rows] | None:
    """What is said of the last, and its table; None of a run whose discriminator was not asked."""
    found = record.classification
    return None if found is None else (tables.classification_facts(found), tables.classification_rows(found))


def _probes(record: RunRecord) -> dict[str, Any] | None:
    """Both tables, head and rows, and what they are of."""
    found = record.probes
    if found is None or not found.scores:
        return None
    return {"accuracy": accuracy_table(found), "classes": class_table(found), "caption": caption(found)}


def _metric_figures(account: Account) -> list[Drawing]:
    curves = [one for one in account.headlines if one.series]
    phases = account.record.phases
    return [Drawing(one.metric, one.title, metric_figure(one, phases, account.until)) for one in curves]


def _loss_figures(account: Account) -> list[Drawing]:
    record = account.record
    players = [player for player in PLAYERS if loss_terms(record.ticks, player)]
    return [
        Drawing(one.capitalize(), "weighted terms", loss_figure(one, record.ticks, record.phases, account.until))
        for one in players
    ]


def _facts(record: RunRecord) -> dict[str, tables.Rows]:
    """Sections of facts.json by heading; empty ones are left out."""
    sections = {
        "Data": record.facts.get("data"),
        "Parameters": record.facts.get("parameters"),
        "Environment": record.facts.get("environment"),
    }
    return {
        heading: tables.fact_rows(facts) for heading, facts in sections.items() if isinstance(facts, dict) and facts
    }

"""The report of a run, made of its directory alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from progan.files import write_text
from progan.report import tables, wording
from progan.report.figures import loss_figure, metric_figure
from progan.report.headline import Headline, headlines
from progan.report.pictures import Picture, evenly_chosen, grid_corner, whole_grid
from progan.report.records import RunRecord, read_run
from progan.report.verdict import notes, verdict
from progan.rundir import RunDirectory

LATEST_WIDTH = 1920  # pixels: twice the width of the page, for dense screens
EVOLUTION = 12  # grids at most
EVOLUTION_CELLS = (8, 2)  # columns, rows: few, so that faces stay visible
EVOLUTION_WIDTH = 768  # pixels
PLAYERS = ("discriminator", "generator")


@dataclass(frozen=True)
class Drawing:
    """An inline figure with its caption."""

    name: str
    title: str
    svg: Markup


def build_report(run: RunDirectory) -> Path:
    """Write report.html and report.md into the run and return the path of the former.

    Raises DataError if `run` is not a run directory or one of its files is broken; what is merely absent is said in the
    report.
    """
    content = _content(read_run(run))
    templates = _templates()
    write_text(run.report_markdown, templates.get_template("report.md").render(content))
    write_text(run.report_html, templates.get_template("report.html").render(content))
    return run.report_html


def _content(record: RunRecord) -> dict[str, Any]:
    found = headlines(record.measurements)
    return {
        "name": record.run.root.resolve().name,
        "record": record,
        "verdict": verdict(record, found),
        "headlines": found,
        "notes": notes(record, found),
        "state": tables.state_rows(record),
        "latest": whole_grid(record.samples[-1], LATEST_WIDTH) if record.samples else None,
        "evolution": _evolution(record),
        "metric_figures": _metric_figures(record, found),
        "loss_figures": _loss_figures(record),
        "speed": tables.speed_rows(record.ticks),
        "phases": tables.phase_rows(record),
        "facts": _facts(record),
        "protocols": tables.protocols(record.measurements),
        "commands": tables.commands(record),
    }


def _evolution(record: RunRecord) -> list[Picture]:
    """Empty where a single grid tells nothing of change."""
    if len(record.samples) < 2:
        return []
    return [grid_corner(one, *EVOLUTION_CELLS, EVOLUTION_WIDTH) for one in evenly_chosen(record.samples, EVOLUTION)]


def _metric_figures(record: RunRecord, found: Sequence[Headline]) -> list[Drawing]:
    until = _end_of_clock(record)
    curves = [one for one in found if one.series]
    return [Drawing(one.metric, one.title, Markup(metric_figure(one, record.phases, until))) for one in curves]


def _loss_figures(record: RunRecord) -> list[Drawing]:
    recorded = {name.partition("/")[0] for tick in record.ticks for name in tick.losses}
    players = [player for player in PLAYERS if player in recorded]
    until = _end_of_clock(record)
    return [
        Drawing(one, "weighted terms", Markup(loss_figure(one, record.ticks, record.phases, until))) for one in players
    ]


def _end_of_clock(record: RunRecord) -> int:
    """The right edge of every curve, in images."""
    return max([record.images_seen, *(one.images_seen for one in record.measurements)])


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


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for form in (wording.number, wording.ratio, wording.kimg, wording.count):
        environment.filters[form.__name__] = form
    environment.filters["cell"] = wording.markdown
    environment.filters["fenced"] = wording.fenced
    return environment

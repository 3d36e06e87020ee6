"""Templates made into files: a page of HTML, one of Markdown and one for machines, and the figures, side by side."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from progan.files import write_json, write_text
from progan.report import wording
from progan.report.canvas import standalone

FIGURES = ("metric_figures", "loss_figures", "speed_figures")  # in a content: lists of drawings


def write_pages(template: str, content: Mapping[str, Any], summary: Mapping[str, Any], page: Path) -> Path:
    """Write `page` (.html) and its neighbours .md and .json, the page last; return its path.

    The figures, which the page itself holds, are written as files too, for .md and for papers: to a folder of the
    page's name and -figures.
    """
    folder = page.with_name(f"{page.stem}-figures")
    for drawing in (one for kind in FIGURES for one in content[kind]):
        write_text(folder / drawing.file, standalone(drawing))
    environment = _environment()
    environment.filters["file"] = lambda drawing: quote(f"{folder.name}/{drawing.file}")
    environment.filters["beside"] = lambda path: quote(os.path.relpath(path, page.parent))
    write_json(page.with_suffix(".json"), summary)
    write_text(page.with_suffix(".md"), environment.get_template(f"{template}.md").render(content))
    write_text(page, environment.get_template(f"{template}.html").render(content))
    return page


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for form in (wording.number, wording.ratio, wording.kimg, wording.count, wording.plus_minus):
        environment.filters[form.__name__] = form
    environment.filters["cell"] = wording.markdown
    environment.filters["fenced"] = wording.fenced
    return environment

"""Figures as inline SVG: text stays text and every colour is a CSS variable, so one figure suits light and dark.

As files of their own they have the colours of the light page.
"""

import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from progan.report.curves import Point, fade_spans, resolution_spans
from progan.report.records import PhaseFact
from progan.report.wording import number

SIZE = (4.1, 2.45)  # inches; at 72 points an inch 8 pt text is readable on a phone and in half a page
# Colours no one would choose, replaced by CSS variables in the finished SVG.
INK, FAINT, BAND = "#0a0b01", "#0a0b02", "#0a0b03"
SERIES = ("#0a0b11", "#0a0b12", "#0a0b13", "#0a0b14", "#0a0b15", "#0a0b16")
VARIABLES = {INK: "--ink", FAINT: "--faint", BAND: "--band"} | {
    colour: f"--series-{index}" for index, colour in enumerate(SERIES)
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # names of metrics and terms are the user's, a dollar in them is a dollar
    "font.size": 8.0,
    "text.color": INK,
    "axes.labelcolor": FAINT,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "figure.constrained_layout.use": True,
}
LOG_RANGE = 8.0  # values that vary by more than this factor are drawn on a logarithmic axis
NARROW = 0.025  # of the axis: no room for the number of a resolution
STYLE_SHEET = Path(__file__).parent / "templates" / "style.css"
ROW = 11.0  # points, of a legend


class Key(NamedTuple):
    """What stands for a run in a figure of several."""

    glyph: str
    variable: str  # its colour, as --series-0
    name: str


@dataclass(frozen=True)
class Drawing:
    """An inline figure with its caption."""

    name: str
    title: str
    svg: Markup
    legend: tuple[Key, ...] = ()  # which the page shows once for all its figures

    @property
    def file(self) -> str:
        """Its name as a file."""
        return re.sub(r"[^\w.]+", "-", self.name.lower()) + ".svg"


def render(name: str, label: str, draw: Callable[[Axes], None]) -> Markup:
    """What `draw` draws as SVG; `name` differs between the figures of a page, `label` is read to who cannot see it."""
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": name}):  # salted: ids differ between the figures of a page
        figure = Figure(figsize=SIZE)
        draw(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True)
    return Markup(_inline(buffer.getvalue(), label))


def standalone(drawing: Drawing) -> str:
    """The figure as a file of its own, in the colours of the light page, its legend below."""
    opening, _, rest = str(drawing.svg).partition(">")
    width, height = (72 * inches for inches in SIZE)
    rows = "".join(
        f'<text x="8" y="{height + ROW * (row + 0.5):g}" style="font: 8px var(--sans)" fill="var({one.variable})">'
        f"{one.glyph} {html.escape(one.name)}</text>"
        for row, one in enumerate(drawing.legend)
    )
    height += ROW * len(drawing.legend)
    size = f'width="{width:g}pt" height="{height:g}pt" viewBox="0 0 {width:g} {height:g}"'
    paper = '<rect width="100%" height="100%" fill="var(--paper)"/>'
    whole = re.sub(r'viewBox="[^"]*"', size, opening) + ">" + paper + rest.replace("</svg>", f"{rows}</svg>")
    return re.sub(r"var\((--[\w-]+)\)", lambda match: _light_page()[match[1]], whole)


@cache
def _light_page() -> dict[str, str]:
    """The variables of figures in the light page."""
    light = STYLE_SHEET.read_text(encoding="utf-8").partition("@media")[0]
    return dict(re.findall(r"(--[\w-]+): (#\w+)", light)) | {"--sans": "sans-serif"}


def draw_clock(axes: Axes, phases: Sequence[PhaseFact], until: int) -> None:
    """The axis of images seen up to `until`, fades shaded, resolutions divided and named above."""
    axes.set_xlim(0, max(until, 1) / 1000)
    axes.set_xlabel("kimg")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    for span in fade_spans(phases, until):
        axes.axvspan(span.start / 1000, span.end / 1000, color=BAND, linewidth=0, zorder=0)
    above = axes.get_xaxis_transform()
    spans = resolution_spans(phases, until)
    for span in spans:
        if span.start > 0:
            axes.axvline(span.start / 1000, color=FAINT, linewidth=0.5, alpha=0.6, zorder=1)
        if span.end - span.start > NARROW * until:
            middle = (span.start + span.end) / 2000
            axes.text(middle, 1.03, str(span.resolution), transform=above, ha="center", va="bottom", color=FAINT)
    if spans:
        axes.text(1.005, 1.03, "px", transform=axes.transAxes, ha="left", va="bottom", color=FAINT)


def scale(axes: Axes, values: Sequence[float]) -> None:
    """The axis of values: from zero if none is below, logarithmic if they vary much."""
    if values and min(values) > 0 and max(values) / min(values) > LOG_RANGE:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_formatter(NullFormatter())
    elif values and min(values) >= 0:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def xy(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """kimg and values."""
    return [point.images_seen / 1000 for point in points], [point.value for point in points]


def _inline(svg: str, label: str) -> str:
    """Matplotlib's SVG without what only a file needs: prologue, metadata, fixed size and ids nothing refers to."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', lambda match: _opening(match[1], label), svg, count=1)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"(font-family: |font: [\d.]+px )[^;\"]*", r"\1var(--sans)", svg)  # as matplotlib writes or wrote it
    return re.sub(r"#0a0b\d\d", lambda match: f"var({VARIABLES[match[0]]})" if match[0] in VARIABLES else match[0], svg)


def _opening(view_box: str, label: str) -> str:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {names} viewBox="{view_box}" role="img" aria-label="{html.escape(label)}">'

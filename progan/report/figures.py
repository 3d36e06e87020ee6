"""Curves as inline SVG: text stays text and every colour is a CSS variable, so one figure suits light and dark."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from progan.report.curves import Point, fade_spans, resolution_spans, segments, smoothed, thinned
from progan.report.headline import Headline
from progan.report.records import Measurement, PhaseFact, Tick
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
RAW_POINTS = 400  # drawn of each unsmoothed curve
SMOOTHING = 50  # the moving average reaches over this fraction of all ticks on either side,
SHORTEST = 6  # but not over more than this fraction of a segment
LOG_RANGE = 8.0  # a metric that varies by more than this factor is drawn on a logarithmic axis
NARROW = 0.025  # of the axis: no room for the number of a resolution


def metric_figure(headline: Headline, phases: Sequence[PhaseFact], until: int) -> str:
    """A metric over images seen and its floor, as SVG; `until` is the right end of the clock in images."""

    def draw(axes: Axes) -> None:
        for run in segments(_point(one) for one in headline.series):
            axes.plot(*_xy(run), color=SERIES[0], linewidth=1.6, marker="o", markersize=3.2, clip_on=False, zorder=4)
        _draw_floors(axes, headline, phases, until)
        _draw_untrained(axes, headline.untrained)
        _scale(axes, headline)

    return _render(headline.metric, phases, until, draw)


def loss_figure(player: str, ticks: Sequence[Tick], phases: Sequence[PhaseFact], until: int) -> str:
    """The loss terms named `player/...` over images seen: faint as recorded, strong as a moving average."""
    terms = list(dict.fromkeys(name for tick in ticks for name in tick.losses if name.startswith(f"{player}/")))

    def draw(axes: Axes) -> None:
        for index, term in enumerate(terms):
            _draw_term(axes, ticks, term, index)
        _limit_to_most(axes, [tick.losses[term] for tick in ticks for term in terms if term in tick.losses])
        figure = axes.get_figure()
        assert isinstance(figure, Figure)
        figure.legend(loc="outside lower center", ncols=3, frameon=False, handlelength=1.4, columnspacing=1.4)

    return _render(player, phases, until, draw)


def _render(name: str, phases: Sequence[PhaseFact], until: int, draw: Callable[[Axes], None]) -> str:
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": name}):  # salted: ids differ between the figures of a page
        figure = Figure(figsize=SIZE)
        axes = figure.add_subplot()
        draw(axes)
        _draw_clock(axes, phases, until)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True)
    return _inline(buffer.getvalue())


def _draw_clock(axes: Axes, phases: Sequence[PhaseFact], until: int) -> None:
    """The axis of images seen, fades shaded, resolutions divided and named above."""
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


def _draw_floors(axes: Axes, headline: Headline, phases: Sequence[PhaseFact], until: int) -> None:
    floors = {one.resolution: one.floor for one in headline.series if one.floor is not None}
    floors |= {} if headline.floor is None else {headline.last.resolution: headline.floor}
    spans = [(span.start, span.end, span.resolution) for span in resolution_spans(phases, until)]
    for start, end, resolution in spans or [(0, until, headline.last.resolution)]:
        if resolution in floors:
            axes.hlines(
                floors[resolution], start / 1000, end / 1000, color=SERIES[1], linewidth=1.1, linestyle=(0, (4, 2.5))
            )
    if headline.floor is not None:
        _label(axes, "real against real", (until, headline.floor), (0, 6), "right", SERIES[1])


def _draw_untrained(axes: Axes, untrained: Measurement | None) -> None:
    """Marked apart and joined to nothing: it was grown to the final resolution at once."""
    if untrained is None:
        return
    axes.plot([0], [untrained.value], "D", color=SERIES[0], markersize=4.5, fillstyle="none", clip_on=False, zorder=4)
    _label(axes, f"untrained, {untrained.resolution} px", (0, untrained.value), (8, 0), "left", SERIES[0])


def _label(
    axes: Axes, text: str, at: tuple[int, float], offset: tuple[int, int], side: Literal["left", "right"], colour: str
) -> None:
    """Text beside the point `at` (images, value), moved by `offset` points."""
    place = (at[0] / 1000, at[1])
    axes.annotate(text, place, xytext=offset, textcoords="offset points", ha=side, va="center", color=colour)


def _scale(axes: Axes, headline: Headline) -> None:
    shown = [headline.floor, headline.untrained.value if headline.untrained else None]
    values = [one.value for one in headline.series] + [value for value in shown if value is not None]
    if values and min(values) > 0 and max(values) / min(values) > LOG_RANGE:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_formatter(NullFormatter())
    elif values and min(values) >= 0:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def _draw_term(axes: Axes, ticks: Sequence[Tick], term: str, index: int) -> None:
    colour = SERIES[index % len(SERIES)]
    dashes = "-" if index < len(SERIES) else "--"
    label = term.partition("/")[2]
    runs = segments(
        Point(tick.images_seen, tick.losses[term], tick.resolution) for tick in ticks if term in tick.losses
    )
    for run in runs:
        reach = min(len(ticks) // SMOOTHING, len(run) // SHORTEST)
        trend = thinned(smoothed(run, reach), RAW_POINTS)
        axes.plot(*_xy(thinned(run, RAW_POINTS)), color=colour, linewidth=0.6, alpha=0.3, zorder=2)
        axes.plot(*_xy(trend), color=colour, linewidth=1.4, linestyle=dashes, zorder=3, label=label)
        label = "_"  # a term is named once, whatever the number of its segments


def _limit_to_most(axes: Axes, values: Sequence[float]) -> None:
    """Leave the outermost half percent on either side out of the picture: a spike must not flatten the rest."""
    if not values:
        return
    low, high = (float(edge) for edge in np.quantile(values, (0.005, 0.995)))
    margin = 0.08 * (high - low) or 1.0
    axes.set_ylim(low - margin, high + margin)


def _point(one: Measurement) -> Point:
    return Point(one.images_seen, one.value, one.resolution)


def _xy(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [point.images_seen / 1000 for point in points], [point.value for point in points]


def _inline(svg: str) -> str:
    """Matplotlib's SVG without what only a file needs: prologue, metadata, fixed size and ids nothing refers to."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', _opening, svg, count=1)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 var(--sans)", svg)
    return re.sub(r"#0a0b\d\d", lambda match: f"var({VARIABLES[match[0]]})", svg)


def _opening(match: re.Match[str]) -> str:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {names} viewBox="{match[1]}" role="img">'

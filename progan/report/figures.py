"""The curves of one run: metrics with their floors, losses as recorded and smoothed."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from progan.report.canvas import SERIES, draw_clock, render, scale, xy
from progan.report.curves import Point, resolution_spans, segments, smoothed, thinned
from progan.report.headline import Headline
from progan.report.records import Measurement, PhaseFact, TickRecord

RAW_POINTS = 400  # drawn of each unsmoothed curve
SMOOTHING = 50  # the moving average reaches over this fraction of all ticks on either side,
SHORTEST = 6  # but not over more than this fraction of a segment


def metric_figure(headline: Headline, phases: Sequence[PhaseFact], until: int) -> Markup:
    """A metric over images seen and its floor, as SVG; `until` is the right end of the clock in images."""

    def draw(axes: Axes) -> None:
        draw_measurements(axes, headline.series, SERIES[0], "o")
        _draw_floors(axes, headline, phases, until)
        _draw_untrained(axes, headline.untrained)
        scale(axes, _values(headline))
        draw_clock(axes, phases, until)

    return render(headline.metric, f"{headline.metric} over images seen, with the value of real images", draw)


def loss_figure(player: str, ticks: Sequence[TickRecord], phases: Sequence[PhaseFact], until: int) -> Markup:
    """The loss terms named `player/...` over images seen: faint as recorded, strong as a moving average."""
    terms = loss_terms(ticks, player)

    def draw(axes: Axes) -> None:
        for index, term in enumerate(terms):
            _draw_term(axes, ticks, term, index)
        limit_to_most(axes, [tick.losses[term] for tick in ticks for term in terms if term in tick.losses])
        figure = axes.get_figure()
        assert isinstance(figure, Figure)
        figure.legend(loc="outside lower center", ncols=3, frameon=False, handlelength=1.4, columnspacing=1.4)
        draw_clock(axes, phases, until)

    return render(player, f"Loss terms of the {player} over images seen", draw)


def loss_terms(ticks: Sequence[TickRecord], player: str) -> list[str]:
    """Names of the terms of a player, in the order in which they were first recorded."""
    return list(dict.fromkeys(name for tick in ticks for name in tick.losses if name.startswith(f"{player}/")))


def draw_measurements(axes: Axes, series: Sequence[Measurement], colour: str, marker: str) -> None:
    """A line within each resolution, never from one to another; intervals as thin bars."""
    for run in segments(Point(one.images_seen, one.value, one.resolution) for one in series):
        axes.plot(*xy(run), color=colour, linewidth=1.6, marker=marker, markersize=3.2, clip_on=False, zorder=4)
    for one in series:
        if one.interval is not None:
            axes.vlines(one.images_seen / 1000, *one.interval, color=colour, linewidth=0.9, alpha=0.75, zorder=3)


def _values(headline: Headline) -> list[float]:
    shown = [headline.floor, headline.untrained.value if headline.untrained else None]
    return [one.value for one in headline.series] + [value for value in shown if value is not None]


def trends(ticks: Sequence[TickRecord], term: str) -> list[tuple[list[Point], list[Point]]]:
    """For each stretch of one resolution a term as recorded and its moving average, thinned for drawing."""
    recorded = [Point(one.images_seen, one.losses[term], one.resolution) for one in ticks if term in one.losses]
    pairs = []
    for run in segments(recorded):
        trend = smoothed(run, min(len(ticks) // SMOOTHING, len(run) // SHORTEST))
        pairs.append((thinned(run, RAW_POINTS), thinned(trend, RAW_POINTS)))
    return pairs


def limit_to_most(axes: Axes, values: Sequence[float]) -> None:
    """Leave the outermost half percent on either side out of the picture: a spike must not flatten the rest."""
    if not values:
        return
    low, high = (float(edge) for edge in np.quantile(values, (0.005, 0.995)))
    margin = 0.08 * (high - low) or 1.0
    axes.set_ylim(low - margin, high + margin)


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


def _draw_term(axes: Axes, ticks: Sequence[TickRecord], term: str, index: int) -> None:
    colour = SERIES[index % len(SERIES)]
    dashes = "-" if index < len(SERIES) else "--"
    label = term.partition("/")[2]
    for recorded, trend in trends(ticks, term):
        axes.plot(*xy(recorded), color=colour, linewidth=0.6, alpha=0.3, zorder=2)
        axes.plot(*xy(trend), color=colour, linewidth=1.4, linestyle=dashes, zorder=3, label=label)
        label = "_"  # a term is named once, whatever the number of its segments

"""The curves of several runs in one figure: a colour and a mark per run, the resolutions never joined."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes

from progan.report.canvas import SERIES, draw_clock, render, scale, xy
from progan.report.curves import Point, segments
from progan.report.figures import draw_measurements, limit_to_most, trends
from progan.report.headline import Headline
from progan.report.records import PhaseFact, RunRecord

MARKS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")  # of matplotlib, so that runs differ without colour too
GLYPHS = ("●", "■", "▲", "◆", "▼", "✚", "✖", "◀", "▶")  # the same in the legend


@dataclass(frozen=True)
class Style:
    """How the curves of a run are drawn."""

    colour: str  # of SERIES, in figures
    variable: str  # the same in the page
    mark: str
    glyph: str


def style(index: int) -> Style:
    """Of run number `index`; the first 18 differ."""
    colour, mark = index % len(SERIES), index % len(MARKS)
    return Style(SERIES[colour], f"--series-{colour}", MARKS[mark], GLYPHS[mark])


def metric_overlay(metric: str, of_runs: Sequence[Headline | None], phases: Sequence[PhaseFact], until: int) -> Markup:
    """A metric of every run that has it over images seen; `phases` are those all runs share, else empty."""

    def draw(axes: Axes) -> None:
        for index, one in enumerate(of_runs):
            if one is not None:
                draw_measurements(axes, one.series, style(index).colour, style(index).mark)
                _name_resolutions(axes, one, style(index).colour, shown=not phases)
        scale(axes, [one.value for headline in of_runs if headline for one in headline.series])
        draw_clock(axes, phases, until)

    return render(metric, f"{metric} of the runs over images seen", draw)


def _name_resolutions(axes: Axes, headline: Headline, colour: str, shown: bool) -> None:
    """Beside the first value of each stretch of one resolution, where the clock cannot tell it for all runs."""
    for run in segments(Point(one.images_seen, one.value, one.resolution) for one in headline.series if shown):
        place = (run[0].images_seen / 1000, run[0].value)
        axes.annotate(
            str(run[0].resolution), place, (0, 5), textcoords="offset points", ha="center", va="bottom", color=colour
        )


def loss_overlay(term: str, records: Sequence[RunRecord], phases: Sequence[PhaseFact]) -> Markup:
    """A loss term of every run that has it, as a moving average."""

    def draw(axes: Axes) -> None:
        shown: list[Point] = []
        for index, record in enumerate(records):
            for _, trend in trends(record.ticks, term):
                shown += trend
                axes.plot(*xy(trend), color=style(index).colour, linewidth=1.4, zorder=3)
        limit_to_most(axes, [point.value for point in shown])
        draw_clock(axes, phases, until=max(point.images_seen for point in shown))

    return render(term, f"{term} of the runs over images seen, smoothed", draw)

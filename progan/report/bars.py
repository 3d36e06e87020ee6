"""Speed and memory at each resolution as bars, of one run or of several side by side."""

from collections.abc import Callable, Sequence

from markupsafe import Markup
from matplotlib.axes import Axes

from progan.report.canvas import FAINT, SERIES, render
from progan.report.speed import Speed
from progan.report.wording import number

Value = Callable[[Speed], float | None]

GROUP = 0.8  # of the distance between two resolutions is covered by bars
LABELLED = 10  # bars at most with their numbers above: more have no room


def speed_bars(of_runs: Sequence[Sequence[Speed]]) -> Markup:
    """Images a second; a bar for each resolution and run."""
    return _bars("images-per-second", "Images per second by resolution", of_runs, lambda one: one.images_per_second)


def memory_bars(of_runs: Sequence[Sequence[Speed]]) -> Markup | None:
    """Peak memory in GB; None where it was recorded nowhere."""
    if all(one.memory_mb is None for speeds in of_runs for one in speeds):
        return None
    return _bars("memory", "Peak memory in GB by resolution", of_runs, _gigabytes)


def _gigabytes(one: Speed) -> float | None:
    return None if one.memory_mb is None else one.memory_mb / 1024


def _bars(name: str, label: str, of_runs: Sequence[Sequence[Speed]], value: Value) -> Markup:
    resolutions = sorted({one.resolution for speeds in of_runs for one in speeds})
    numbered = sum(len(speeds) for speeds in of_runs) <= LABELLED

    def draw(axes: Axes) -> None:
        for index, speeds in enumerate(of_runs):
            left = GROUP * ((index + 0.5) / len(of_runs) - 0.5)
            known = [(resolutions.index(one.resolution) + left, value(one)) for one in speeds]
            _draw_run(axes, [(x, y) for x, y in known if y is not None], index, GROUP / len(of_runs), numbered)
        axes.set_xticks(range(len(resolutions)), [str(one) for one in resolutions])
        axes.set_xlim(-0.6, len(resolutions) - 0.4)
        axes.tick_params(axis="x", length=0)
        axes.set_xlabel("px")

    return render(name, label, draw)


def _draw_run(axes: Axes, bars: Sequence[tuple[float, float]], index: int, width: float, numbered: bool) -> None:
    places, heights = [x for x, _ in bars], [y for _, y in bars]
    drawn = axes.bar(places, heights, 0.92 * width, color=SERIES[index % len(SERIES)], linewidth=0, zorder=2)
    if numbered:
        axes.bar_label(drawn, [number(float(f"{height:.3g}")) for height in heights], padding=2, color=FAINT)

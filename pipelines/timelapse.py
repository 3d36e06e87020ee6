"""The sample grids of a run as a video: the same latents throughout, from noise to the newest images."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import Tensor

from pipelines.console import Count, counting, say
from progan.rundir import RunDirectory, resolution_of, seen_by
from progan.sampling.grids import read_sheet, scaled, shown_width
from progan.sampling.legend import with_legend
from progan.sampling.video import check_video, write_video
from progan.types import DataError

FIRST_SECONDS, LAST_SECONDS = 1.0, 3.0  # how long the first and the last grid are shown


def timelapse(run: Path, out: Path, fps: float, width: int) -> None:
    """Write the grids of `run`, oldest first, as a video at most `width` pixels wide."""
    check_video(out)
    samples = RunDirectory(run).samples()
    if not samples:
        raise DataError(f"{run}: no sample grid in this run; give the --run of a training")
    times = [1] * len(samples)
    times[0], times[-1] = (max(1, round(fps * seconds)) for seconds in (FIRST_SECONDS, LAST_SECONDS))
    with counting("timelapse", "grids") as show:
        write_video(_frames(samples, width, show), times, fps, out)
    say(f"{len(samples)} grids of {run} in {out}")


def _frames(samples: Sequence[Path], limit: int, show: Count) -> Iterator[Tensor]:
    """The grids, enlarged to one common size; each is read when its turn has come."""
    width = shown_width(max(read_sheet(path).shape[1] for path in (samples[0], samples[-1])), limit)
    for number, path in enumerate(samples):
        show(number, len(samples), 0, "")
        yield with_legend(
            scaled(read_sheet(path), width), f"{seen_by(path) / 1000:.1f} kimg", f"{resolution_of(path)} px"
        )

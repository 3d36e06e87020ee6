"""Compare: the metrics of any images against real ones, whatever made them."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipelines.console import measuring_progress, say
from pipelines.launch import make_accelerator, make_world, watched
from pipelines.measuring import CACHE, load_network, result
from pipelines.pair import Pair
from pipelines.sides import Side, is_run, open_side
from pipelines.snapshots import snapshot_file
from progan.data.folder_images import Size
from progan.distributed.agreement import from_main_rank, on_every_rank, on_main_rank
from progan.files import require_writable, write_json
from progan.metrics.settings import EvaluationConfig
from progan.rundir import RunDirectory, run_of
from progan.settings import config_of
from progan.types import DataError


@dataclass(frozen=True)
class Comparison:
    """What is compared with what, as people name it."""

    generated: str
    real: str
    resolution: int | None = None  # of prepared sets in px; None: the largest that both sides have
    mirror: bool | None = None  # half of the real images; None: as the run in `generated` was trained, else not


def compare(comparison: Comparison, metrics: Sequence[str], networks: EvaluationConfig, out: Path | None) -> None:
    """Say the metrics of generated against real images, and write their records to `out` if it is given.

    networks: its `network` or `weights` are taken. Any number of processes may share the work, as a launcher starts
    them.
    """
    world = make_world(make_accelerator(None))
    with watched(world), ExitStack() as open_:
        if out is not None:
            on_main_rank(partial(require_writable, out), world)
        path = Path(comparison.generated)
        snapshot = from_main_rank(lambda: snapshot_file(path) if is_run(path) else None, world)  # one for all ranks
        open_one = partial(open_side, world=world, open_=open_, snapshot=snapshot)
        pair = on_every_rank(lambda: _opened(comparison, open_one), world)
        specs = pair.measurable([pair.spec(name) for name in metrics])
        progress = open_.enter_context(measuring_progress())
        records = pair.measure(specs, lambda: load_network(networks, "--weights"), CACHE, world, progress)
        for record in records:
            sides = f"{comparison.generated} against {comparison.real}"
            say(f"{result(record)}  {sides}, {'x'.join(map(str, pair.size))} px")
        if out is not None:
            on_main_rank(lambda: write_json(out, records), world)


def _opened(comparison: Comparison, open_: Callable[[str], Side]) -> Pair:
    mirror = _is_mirrored(Path(comparison.generated)) if comparison.mirror is None else comparison.mirror
    generated, real = open_(comparison.generated), open_(comparison.real)
    if real.count is None:
        raise DataError(f"{real.name}: a generator has no real images; give images or a prepared set as REAL")
    return Pair(generated, real, _common_size(generated, real, comparison.resolution), mirror)


def _is_mirrored(generated: Path) -> bool:
    """Whether the run which it is, or is a snapshot of, was trained so: its values are then those of evaluate."""
    run = RunDirectory(generated) if is_run(generated) else run_of(generated)
    return run is not None and config_of(run).data.mirror


def _common_size(generated: Side, real: Side, resolution: int | None) -> Size:
    """The largest that both can be had in, or `resolution`; DataError where there is none."""
    for side in (generated, real):
        if resolution is not None and (resolution, resolution) not in side.sizes:
            raise DataError(f"{side.name}: no images of {resolution} px, only of {_sizes(side)}; see --resolution")
    common = set(generated.sizes) & set(real.sizes)
    if not common:
        raise DataError(
            f"{generated.name} has images of {_sizes(generated)} and {real.name} of {_sizes(real)}: other sizes have "
            "other statistics; bring both to one size: progan prepare"
        )
    return max(common) if resolution is None else (resolution, resolution)


def _sizes(side: Side) -> str:
    return f"{', '.join(f'{width}x{height}' for width, height in side.sizes)} px"

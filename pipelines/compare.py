"""Compare: the metrics of any images against real ones, whatever made them."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pipelines.console import measuring_progress, say
from pipelines.device import evaluation_device
from pipelines.launch import make_accelerator, make_world, watched
from pipelines.measuring import CACHE, result
from pipelines.pair import Pair
from pipelines.sides import Side, is_run, open_side
from pipelines.snapshots import snapshot_file
from progan.data.folder_images import Size
from progan.distributed.agreement import from_main_rank, on_every_rank, on_main_rank
from progan.files import require_writable, write_json
from progan.metrics.classifier_file import classifier_network
from progan.metrics.features import FeatureNetwork, inception
from progan.metrics.weights import Place, check_weights, load_weights
from progan.rundir import RunDirectory, run_of
from progan.settings import config_of
from progan.types import DataError


def compare(
    generated: str,
    real: str,
    metrics: Sequence[str],
    out: Path | None,
    weights: Path | None,
    network: Path | None,
    resolution: int | None,
    seed: int | None,
    mirror: bool | None,
) -> None:
    """Say the metrics of `generated` against `real`, and write their records to `out` if it is given.

    seed: of the order of sets of which a part is compared. mirror: flip half of the real images. None: the run's where
    `generated` is one or a snapshot in it, so that the values are those of `progan evaluate`, else 0 and False. Any
    number of processes may share the work, as a launcher starts them.
    """
    world = make_world(make_accelerator(None))
    with watched(world), ExitStack() as open_:
        if out is not None:
            on_main_rank(partial(require_writable, out), world)
        usual = _protocol_of(Path(generated))
        seed, mirror = usual.seed if seed is None else seed, usual.mirror if mirror is None else mirror
        path = Path(generated)
        snapshot = from_main_rank(lambda: snapshot_file(path) if is_run(path) else None, world)  # one for all ranks
        open_one = partial(open_side, seed=seed, world=world, open_=open_, snapshot=snapshot)
        pair = on_every_rank(lambda: _opened(generated, real, resolution, mirror, open_one), world)
        specs = pair.measurable([pair.spec(name) for name in metrics])
        progress = open_.enter_context(measuring_progress())
        records = pair.measure(specs, lambda: _network(weights, network), CACHE, world, progress)
        for record in records:
            say(f"{result(record)}  {generated} against {real}, {'x'.join(map(str, pair.size))} px")
        if out is not None:
            on_main_rank(lambda: write_json(out, records), world)


def _opened(generated: str, real: str, resolution: int | None, mirror: bool, open_: Callable[[str], Side]) -> Pair:
    sides = open_(generated), open_(real)
    if sides[1].count is None:
        raise DataError(f"{real}: a generator has no real images; give images or a prepared set as REAL")
    return Pair(*sides, _common_size(*sides, resolution), mirror)


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


class _Protocol(NamedTuple):
    """How real images are taken."""

    seed: int = 0  # of their order
    mirror: bool = False


def _protocol_of(generated: Path) -> _Protocol:
    """That of the run which it is or is a snapshot of, so that its real images are those that `progan evaluate` has;
    else the plainest."""
    run = RunDirectory(generated) if is_run(generated) else run_of(generated)
    if run is None:
        return _Protocol()
    config = config_of(run)
    return _Protocol(config.seed, config.data.mirror)


def _network(weights: Path | None, network: Path | None) -> FeatureNetwork:
    if network is not None:
        return classifier_network(network, evaluation_device())
    found = load_weights(None) if weights is None else check_weights(Place(weights, "--weights"))
    return inception(found, evaluation_device())

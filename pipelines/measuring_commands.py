"""The `progan` commands that measure images."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.arguments import Run, Source
from pipelines.ending import user_errors


def evaluate(
    run: Run,
    metrics: Annotated[
        list[str] | None, typer.Argument(help="Metrics, for instance swd16k fid50k; default: the run's own.")
    ] = None,
    snapshot: Annotated[Path | None, typer.Option(help="A snapshot file; default: the run's last.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every snapshot of the run.")] = False,
    due: Annotated[
        bool, typer.Option("--due", help="Those that evaluation.every_kimg asks for, as training measures them itself.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Only name the snapshots that are not measured yet.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Measure snapshots as they appear, until the training has finished.")
    ] = False,
    seeds: Annotated[
        int | None, typer.Option(help="Sets of generated images; from 2 on with an interval.", min=1, max=10)
    ] = None,
    network: Annotated[Path | None, typer.Option(help="A file of progan classifier, in place of Inception.")] = None,
) -> None:
    """Measure snapshots, also while training goes on; results are appended to RUN/metrics.jsonl."""
    with user_errors():
        from pipelines.selection import Selection, list_unmeasured, refuse_with

        given = Selection(snapshot, every, due)
        if list_:
            refuse_with("--list", {"--watch": watch, "--seeds": seeds is not None, "--network": network is not None})
            list_unmeasured(run, given, metrics or [])
            return
        if watch:
            refuse_with("--watch", {"--snapshot": snapshot is not None})
            given = Selection(every=not due, due=due)
        from pipelines.evaluate import evaluate as stage
        from pipelines.measuring import Changes

        stage(run, given, metrics or [], Changes(seeds, network), watch)


def best(
    run: Run,
    metric: Annotated[
        str | None, typer.Argument(help="Metric, for instance fid50k; default: the run's first, FID before others.")
    ] = None,
) -> None:
    """Print the path of the snapshot with the best value, of those at the resolution that was measured last."""
    with user_errors():
        from pipelines.best import best as stage

        stage(run, metric)


def neighbours(
    run: Run,
    snapshot: Annotated[Path | None, typer.Option(help="A snapshot file; default: the run's last.")] = None,
    count: Annotated[int, typer.Option(help="How many generated images; the first 64 are shown.", min=1)] = 8,
    nearest: Annotated[int, typer.Option(help="Neighbours shown of each.", min=1, max=50)] = 5,
    features: Annotated[
        bool, typer.Option("--features", help="In features too: of evaluation.network, else Inception.")
    ] = False,
    network: Annotated[Path | None, typer.Option(help="A file of progan classifier; stands for --features.")] = None,
) -> None:
    """Show the training images nearest to generated ones, and say whether these are copies; see RUN/neighbours."""
    with user_errors():
        from pipelines.measuring import Changes
        from pipelines.neighbours import neighbours as stage

        stage(run, snapshot, count, nearest, features or network is not None, Changes(network=network))


def classify(
    source: Source,
    data: Annotated[str, typer.Option(help="A prepared set with the labels of the training: a folder or a URL.")],
) -> None:
    """Let a discriminator that tells classes apart name those of a set; the score is appended to the run."""
    with user_errors():
        from pipelines.classify import classify as stage

        stage(source, data)


def diagnose(
    runs: Annotated[list[Path], typer.Argument(help="Run directories, finished or not.", metavar="RUN...")],
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure first what is missing, of the last snapshot, with small sets.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End with code 1 where something is bad.")] = False,
) -> None:
    """Look for collapse, oscillation, divergence, a discriminator too strong and memorised images."""
    with user_errors():
        from pipelines.diagnose import diagnose as stage

        stage(runs, measure, json, strict)


def compare(
    generated: Annotated[
        str,
        typer.Argument(
            help="A folder or zip of images, a prepared set (a folder or a URL), a snapshot file or a run directory "
            "(its last snapshot).",
            metavar="GENERATED",
        ),
    ],
    real: Annotated[str, typer.Argument(help="A folder or zip of images, or a prepared set.", metavar="REAL")],
    metrics: Annotated[
        list[str] | None,
        typer.Argument(
            help="fid50k, swd16k ...: so many images, of sets a random part. fid, kid, is, pr ...: all images of both, "
            "of folders in the order of their names, as torch_fidelity.calculate_metrics takes them; of a generator "
            "as many as REAL has. Default: fid."
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the results to this file too, with provenance.")] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Inception weights; default: where progan weights where looks for them.")
    ] = None,
    network: Annotated[Path | None, typer.Option(help="A file of progan classifier, in place of Inception.")] = None,
    resolution: Annotated[
        int | None, typer.Option(help="Of prepared sets in px; default: the largest that both sides have.", min=1)
    ] = None,
    mirror: Annotated[
        bool | None,
        typer.Option(
            help="Flip half of the real images left to right, as training with data.mirror does; default: as the run "
            "in GENERATED was trained, else not."
        ),
    ] = None,
) -> None:
    """Measure generated against real images, whatever made them: folders, zips, prepared sets, a generator."""
    with user_errors():
        from pipelines.compare import Comparison
        from pipelines.compare import compare as stage
        from progan.metrics.settings import EvaluationConfig

        comparison = Comparison(generated, real, resolution, mirror)
        stage(comparison, metrics or ["fid"], EvaluationConfig(weights=weights, network=network), json)

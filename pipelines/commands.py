"""The subcommands of `progan`, one a stage. Heavy imports happen inside a stage, so help is quick."""

from pathlib import Path
from typing import Annotated

import typer

import progan
from pipelines.arguments import ConfigFile, Overrides, Run
from pipelines.classifier_command import classifier
from pipelines.ending import user_errors
from pipelines.launcher import is_alone
from pipelines.measuring_commands import best, classify, compare, diagnose, evaluate, neighbours
from pipelines.picture_commands import export, sample, timelapse, walk
from pipelines.probe_command import probe
from pipelines.weights_commands import weights
from progan.types import ConfigError

app = typer.Typer(
    help="Train high-resolution face generators by progressive growing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(weights)

MaxRejects = Annotated[float, typer.Option(help="Largest share of unusable images before the job stops.", min=0, max=1)]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"progan {progan.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


@app.command()
def prepare(
    source: Annotated[
        str,
        typer.Argument(
            help="'synthetic', CelebA, MNIST, CIFAR, WebDataset tars, Hugging Face parquet files, or any folder or "
            "zip of images.",
            metavar="SOURCE",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where the shards go.")],
    resolution: Annotated[
        int | None,
        typer.Option(
            help="Largest resolution in px; default: the largest power of two the images fill, 64 of synthetic.", min=1
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many images.", min=1)] = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="What labels the images: an attribute (Smiling), several (Smiling,Male), their combinations "
            "(Male*Smiling), one of several (Black_Hair|Blond_Hair), 'identity', 'class' (the set's own), 'folder'."
        ),
    ] = None,
    partition: Annotated[str, typer.Option(help="Official part of the set: train, val, test or all.")] = "all",
    crop: Annotated[
        str,
        typer.Option(
            help="auto: the source's usual square; centre; face: aligned by five landmarks; box: the box of the face, "
            "for CelebA's photos in the wild."
        ),
    ] = "auto",
    landmarks: Annotated[Path | None, typer.Option(help="Table of landmarks for --crop face.")] = None,
    raw_up_to: Annotated[int, typer.Option(help="Store samples up to so many px unencoded.", min=0)] = 64,
    codec: Annotated[
        str, typer.Option(help="Encoding of larger samples: png, webp (lossless) or jpeg95 (lossy).")
    ] = "png",
    shard_mb: Annotated[float, typer.Option(help="Largest size of a shard in MB.", min=0.001, max=1e6)] = 256.0,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Keep images that are equal to another one.")
    ] = False,
    part: Annotated[
        str | None, typer.Option(help="Prepare only part 2/8 of the set; progan merge puts the parts together.")
    ] = None,
    shuffle: Annotated[bool, typer.Option("--shuffle", help="Store the images in an order drawn by --seed.")] = False,
    seed: Annotated[int, typer.Option(help="Of the synthetic faces and of --shuffle.", min=0)] = 0,
    workers: Annotated[int | None, typer.Option(help="Processes; default: one a core.", min=1)] = None,
    max_rejects: MaxRejects = 0.01,
) -> None:
    """Turn images into checksummed shards, one set a resolution; a stopped call goes on when repeated."""
    with user_errors():
        from functools import partial

        from pipelines.prepare import parse_part
        from pipelines.prepare import prepare as stage
        from progan.data.cores import cores
        from progan.data.preparing.shards import PrepareOptions
        from progan.data.sources import SourceOptions

        options = SourceOptions(resolution, limit, label, partition, seed, crop, shuffle, landmarks)
        chosen = partial(
            PrepareOptions,
            limit=limit,
            raw_up_to=raw_up_to,
            codec=codec,
            shard_bytes=round(shard_mb * 1e6),
            keep_duplicates=keep_duplicates,
            max_rejects=max_rejects,
            workers=workers or cores(),
            part=parse_part(part),
        )
        stage(source, out, options, chosen)


@app.command()
def merge(
    out: Annotated[Path, typer.Argument(help="The set whose parts were prepared.", metavar="DIR")],
    delete_parts: Annotated[bool, typer.Option("--delete-parts", help="Remove the parts when done.")] = False,
    max_rejects: MaxRejects = 0.01,
) -> None:
    """Put the parts made by prepare --part together: the same bytes as one job's."""
    with user_errors():
        from pipelines.prepare import merge as stage

        stage(out, max_rejects, delete_parts)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="A prepared set.", metavar="DIR")],
    quick: Annotated[bool, typer.Option("--quick", help="Only the hash of each file.")] = False,
    workers: Annotated[int | None, typer.Option(help="Processes; default: one a core.", min=1)] = None,
) -> None:
    """Check every file, index row and image of a prepared set; name what is bad."""
    with user_errors():
        from pipelines.verify import verify as stage

        stage(path, quick, workers)


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A prepared set.", metavar="DIR")],
    out: Annotated[Path | None, typer.Option(help="Write a contact sheet to this .png file.")] = None,
    resolution: Annotated[int | None, typer.Option(help="Of the sheet's images; default: the largest.", min=1)] = None,
) -> None:
    """Show what a prepared set holds."""
    with user_errors():
        from pipelines.inspect import inspect as stage

        stage(path, out, resolution)


@app.command()
def train(
    config: ConfigFile,
    overrides: Overrides = None,
    run: Annotated[
        Path | None,
        # torchrun takes --run for an abbreviation of an option of its own, wherever it stands.
        typer.Option("--run", "--run-dir", help="Run directory; default: runs/ and the name of CONFIG."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print settings and phases; train nothing.")] = False,
    processes: Annotated[
        int | None,
        typer.Option(help="Refuse to train unless so many were launched; with --dry-run: to check for.", min=1),
    ] = None,
) -> None:
    """Train, or go on training: the same command continues a run that was stopped or killed."""
    with user_errors():
        if dry_run:
            from pipelines.overview import overview

            overview(config, overrides or [], processes or 1)
            return
        from pipelines.preflight import checked

        # Before torch is imported, which takes seconds; several processes do so later, to agree on what is wrong.
        known = checked(config, overrides or [], processes or 1) if is_alone() else None
        from pipelines.train import train as stage

        stage(config, run, overrides or [], processes, known)


@app.command()
def plan(
    config: ConfigFile,
    overrides: Overrides = None,
    processes: Annotated[int, typer.Option(help="That will train together.", min=1)] = 1,
    measure: Annotated[
        bool, typer.Option("--measure", help="Play some rounds on this device, and keep the figures for later plans.")
    ] = False,
    seconds: Annotated[float, typer.Option(help="Seconds to measure each stage.", min=0, max=3600)] = 5.0,
    patience: Annotated[
        float, typer.Option(help="Seconds: where a round takes longer it is not measured but scaled.", min=0)
    ] = 120.0,
    device: Annotated[
        str | None, typer.Option(help="Plan for this one, by stored figures; default: the one at hand.")
    ] = None,
) -> None:
    """Say what a training will take: time, memory and disk by resolution; warn of what will not fit."""
    with user_errors():
        from pipelines.plan import plan as stage

        if measure and device is not None:
            raise ConfigError("--device: --measure is of the device at hand; leave one of the two out")
        stage(config, overrides or [], processes, seconds if measure else None, patience, device)


@app.command()
def settings(
    config: ConfigFile,
    overrides: Overrides = None,
    get: Annotated[str | None, typer.Option(help="Print only this one, as data.path.")] = None,
) -> None:
    """Print the settings of a training, defaults filled in."""
    with user_errors():
        from pipelines.overview import print_settings

        print_settings(config, overrides or [], get)


@app.command()
def status(
    run: Run,
    field: Annotated[str | None, typer.Option(help="Print only this: state, images_seen, signal, ...")] = None,
) -> None:
    """Say whether a run is running (or was killed), stopped, finished or failed, and how far it has come."""
    with user_errors():
        from progan.rundir import RunDirectory

        found = RunDirectory(run).read_status()
        if field is not None and field not in vars(found):
            raise ConfigError(f"--field {field}: choose one of {', '.join(vars(found))}")
        print(found if field is None else vars(found)[field])


for command in (evaluate, best, diagnose, neighbours, classify, probe, compare, classifier):
    app.command()(command)
for picture in (sample, walk, timelapse, export):
    app.command()(picture)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Run directories; several are compared.", metavar="RUN...")],
    out: Annotated[
        Path | None,
        typer.Option(help="The page; default: report.html in the run, of several comparison.html in this folder."),
    ] = None,
) -> None:
    """Report on a run, or compare several: a page of HTML, with Markdown and JSON beside it."""
    with user_errors():
        from pipelines.report import report as stage

        stage(runs, out)

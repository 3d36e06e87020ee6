"""The `progan` command that measures images whatever made them."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.console import user_errors


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
    resolution: Annotated[
        int | None, typer.Option(help="Of prepared sets in px; default: the largest that both sides have.", min=1)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Of the order of which a part is taken; default: the run's where GENERATED is one, else 0."),
    ] = None,
) -> None:
    """Measure generated against real images, whatever made them: folders, zips, prepared sets, a generator."""
    with user_errors():
        from pipelines.compare import compare as stage

        stage(generated, real, metrics or ["fid"], json, weights, resolution, seed)

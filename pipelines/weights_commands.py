"""The `progan weights` commands."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.ending import user_errors

weights = typer.Typer(
    name="weights",
    help="The Inception weights that FID needs: find, check and fetch them, for machines without network.",
    no_args_is_help=True,
)


@weights.command()
def where(
    file: Annotated[Path | None, typer.Option(help="As if evaluation.weights named this file.")] = None,
) -> None:
    """Print where the weights are looked for, what names that place, and what is there."""
    with user_errors():
        from pipelines.weights import where as stage

        stage(file)


@weights.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="A weights file; default: where they are looked for.", metavar="[FILE]")
    ] = None,
) -> None:
    """Check hash and layout; exit code 2 unless it is the published file."""
    with user_errors():
        from pipelines.weights import verify as stage

        stage(file)


@weights.command()
def fetch(
    out: Annotated[Path | None, typer.Option(help="The file to write; default: where they are looked for.")] = None,
) -> None:
    """Download the published weights unless they are there already; another file in their place is replaced."""
    with user_errors():
        from pipelines.weights import fetch as stage

        stage(out)

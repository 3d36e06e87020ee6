"""The `progan probe` command."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.arguments import Source
from pipelines.ending import user_errors


def probe(
    source: Source,
    train: Annotated[str, typer.Option(help="The prepared set whose labels are learned: a folder or a URL.")],
    test: Annotated[str, typer.Option(help="The prepared set with the same classes that is asked about.")],
    labels: Annotated[str, typer.Option(help="How many labels are learned, evenly drawn by class.")] = "all,1000,100",
    features: Annotated[
        str, typer.Option(help="What is looked at; random: of the same network untrained; supervised: taught instead.")
    ] = "pixels,random,trained,supervised",
    layers: Annotated[
        str, typer.Option(help="last: the features of the verdict; all: maxima of the maps of each layer beside them.")
    ] = "last",
    seeds: Annotated[int, typer.Option(help="Draws of labels and of untrained weights.", min=1, max=100)] = 5,
    out: Annotated[
        Path | None, typer.Option(help="The .json file to write; default: of a run in its probes folder, else none.")
    ] = None,
) -> None:
    """Judge what a discriminator has learned by linear classifiers on its features, with few and with all labels."""
    with user_errors():
        from pipelines.probe import parse
        from pipelines.probe import probe as stage

        stage(source, train, test, parse(labels, features, layers, seeds), out)

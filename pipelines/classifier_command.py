"""The `progan classifier` command."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.ending import user_errors


def classifier(
    data: Annotated[str, typer.Argument(help="A prepared set with labels: a folder or a URL.", metavar="DATA")],
    out: Annotated[Path, typer.Option(help="The .safetensors file to write, for evaluation.network.")],
    name: Annotated[str, typer.Option(help="Results are named for it, as fd50k-faces.")] = "faces",
    resolution: Annotated[int, typer.Option(help="Size in px at which it looks at every image.")] = 32,
    kimg: Annotated[float, typer.Option(help="Thousands of images it is shown.", min=0.001, max=1e9)] = 200.0,
    batch: Annotated[int, typer.Option(help="Images a step.", min=1)] = 64,
    seed: Annotated[int, typer.Option(help="Of its weights, of the order and of the images held out.")] = 0,
) -> None:
    """Train a classifier on a set's labels, whose features metrics compare in place of those of Inception."""
    with user_errors():
        from pipelines.classifier import classifier as stage
        from progan.config import validate
        from progan.metrics.classifier_training import ClassifierTraining
        from progan.networks.classifier import ClassifierConfig

        network = validate(ClassifierConfig, {"resolution": resolution})
        training = validate(ClassifierTraining, {"images": round(1000 * kimg), "batch": batch, "seed": seed})
        stage(data, out, name, network, training)

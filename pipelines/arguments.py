"""Arguments that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path, typer.Argument(help="YAML settings, for instance configs/quickstart.yaml.", metavar="CONFIG")
]
Overrides = Annotated[
    list[str] | None, typer.Argument(help="Settings to change, as a.b=value.", metavar="[A.B=VALUE]...")
]
Run = Annotated[Path, typer.Argument(help="Run directory, as given to train --run.", metavar="RUN")]
Source = Annotated[Path, typer.Argument(help="A snapshot file, or a run directory (its last).", metavar="SNAPSHOT|RUN")]

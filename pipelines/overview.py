"""What a training will do, before it does it: settings and phases. Without torch, so the answer comes at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from pipelines.preflight import check_fit, planned_data
from progan.config import load
from progan.settings import Config, make_schedule
from progan.types import ConfigError


def print_settings(path: Path, overrides: Sequence[str], wanted: str | None) -> None:
    """All as YAML, or the one `wanted`. ConfigError if there is none of that name."""
    tree: Any = load(Config, path, overrides).model_dump(mode="json")
    for part in wanted.split(".") if wanted else ():
        if not isinstance(tree, dict) or part not in tree:
            raise ConfigError(f"--get {wanted}: no such setting; leave it out to see all")
        tree = tree[part]
    print(yaml.safe_dump(tree, sort_keys=False).strip() if isinstance(tree, dict | list) else tree)


def overview(path: Path, overrides: Sequence[str], processes: int) -> None:
    """Print what the training of a config by so many processes would do."""
    config = load(Config, path, overrides)
    data = planned_data(config)
    check_fit(config, data, processes)
    _print_overview(config)


def _print_overview(config: Config) -> None:
    console = Console(width=100)
    console.print(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), highlight=False)
    table = Table("from kimg", "to kimg", "resolution", "fade", "batch", "learning rate", title="phases")
    for stage in make_schedule(config).stages:
        table.add_row(
            f"{stage.start / 1000:g}",
            f"{stage.end / 1000:g}",
            f"{stage.resolution} px",
            "0 to 1" if stage.fading else "-",
            str(stage.batch),
            f"{stage.lr:g}",
        )
    console.print(table)
    console.print("dry run: nothing was trained", highlight=False)

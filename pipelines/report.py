"""The stage that turns run directories into pages to read and a file for machines."""

from collections.abc import Sequence
from pathlib import Path

from progan.report.one import build_report
from progan.report.several import build_comparison
from progan.rundir import RunDirectory
from progan.types import ConfigError


def report(runs: Sequence[Path], out: Path | None) -> None:
    """Write the report of one run (into it, unless `out` names another place) or the comparison of several.

    Any time, on running and finished runs.
    """
    if out is not None and out.suffix != ".html":
        raise ConfigError(f"--out {out}: the page is HTML; give a name that ends in .html (.md and .json come beside)")
    directories = [RunDirectory(run) for run in runs]
    if len(directories) == 1:
        page = build_report(directories[0], out)
    else:
        page = build_comparison(directories, Path("comparison.html") if out is None else out)
    for suffix in (".html", ".md", ".json"):
        print(page.with_suffix(suffix))

"""The stage that turns a run directory into report.html and report.md."""

from pathlib import Path


def report(run: Path) -> None:
    """Write report.html and report.md into the run directory RUN; any time, on a running or finished run."""
    from progan.report.build import build_report
    from progan.rundir import RunDirectory

    directory = RunDirectory(run)
    print(build_report(directory))
    print(directory.report_markdown)

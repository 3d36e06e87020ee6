"""The watch over a training: it warns of failures when they begin."""

from pipelines.console import say
from progan.report.diagnosis import diagnose
from progan.report.headline import headlines
from progan.report.records import read_run
from progan.report.watch import news
from progan.rundir import RunDirectory
from progan.types import DataError


def look(directory: RunDirectory) -> None:
    """Say and record what is news in what the run has written so far; for the main process."""
    try:
        record = read_run(directory)
    except DataError as error:  # of a file that others wrote, too: no reason to stop training
        say(f"warning: the watch cannot read this run: {error}")
        return
    findings = diagnose(record, headlines(record.measurements)).findings
    found = news(findings, record.notices, record.images_seen)
    for notice in found:
        directory.append_warning(notice.model_dump())
    # Several findings may show one failure: it is said once.
    for notice in {(one.failure, one.state): one for one in reversed(found)}.values():
        say(f"warning: {notice.failure}: {notice.sentence}" if notice.state == "bad" else f"over: {notice.failure}")

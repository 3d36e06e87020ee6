"""What a watch has to tell of a run: failures that have begun since it last looked, and those that are over."""

from collections.abc import Sequence

from progan.report.finding import Finding
from progan.report.records import Notice


def news(findings: Sequence[Finding], told: Sequence[Notice], images_seen: int) -> list[Notice]:
    """Of findings that have become bad, and of those told to be bad that are fine again.

    One that is only watched, or can no longer be told, stays what it was: near its limit it is told of once.
    """
    known = {notice.finding: notice.state for notice in told}
    return [
        Notice(images_seen=images_seen, finding=one.name, failure=one.failure, state=one.state, sentence=one.sentence)
        for one in findings
        if one.state in ("bad", "fine") and one.state != known.get(one.name, "fine")
    ]

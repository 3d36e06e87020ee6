"""What is known and said of one run: the matter of its own page and of its part in a comparison."""

from dataclasses import dataclass

from progan.report.diagnosis import Diagnosis, diagnose
from progan.report.headline import Headline, headlines
from progan.report.records import RunRecord, read_run
from progan.report.speed import Speed, speeds
from progan.report.verdict import notes, verdict
from progan.rundir import RunDirectory


@dataclass(frozen=True)
class Account:
    """A run, read and judged."""

    name: str
    record: RunRecord
    headlines: list[Headline]
    verdict: str
    notes: list[str]
    diagnosis: Diagnosis
    speeds: list[Speed]

    @property
    def until(self) -> int:
        """The right edge of every curve, in images."""
        return max([self.record.images_seen, *(one.images_seen for one in self.record.measurements)])


def read_account(run: RunDirectory, name: str | None = None) -> Account:
    """`name` None: that of the folder. Raises DataError if `run` is no run directory or one of its files is broken."""
    record = read_run(run)
    found = headlines(record.measurements)
    return Account(
        name=run.root.resolve().name if name is None else name,
        record=record,
        headlines=found,
        verdict=verdict(record, found),
        notes=notes(record, found),
        diagnosis=diagnose(record, found),
        speeds=speeds(record.ticks),
    )

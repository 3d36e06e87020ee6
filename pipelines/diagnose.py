"""Diagnose: what has gone wrong in runs, in numbers and words."""

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

from pipelines.console import say
from progan.report.account import Account, read_account
from progan.report.finding import Finding
from progan.report.memorisation import COPYING
from progan.report.summary import diagnosis, plain
from progan.report.variety import OCCUPATION, PAIRS, SPREADING
from progan.report.wording import kimg, number
from progan.rundir import RunDirectory
from progan.types import ConfigError, DataError

# Measurements that take seconds, by the finding that they make possible.
QUICK = {SPREADING.name: "modes1k", OCCUPATION.name: "modes1k", PAIRS.name: "msssim1k"}


def diagnose(runs: Sequence[Path], measure: bool, as_json: bool, strict: bool) -> None:
    """Print what was found in each of `runs`; with `strict` the exit code is 1 where something is bad.

    measure: measure first what no finding can be made without, of each run's last snapshot.
    """
    if measure:
        with redirect_stdout(sys.stderr if as_json else sys.stdout):
            for run in runs:
                measure_missing(run)
    accounts = [read_account(RunDirectory(run)) for run in runs]
    if as_json:
        found = [{"run": str(account.record.run.root), **diagnosis(account)} for account in accounts]
        print(json.dumps(plain(found), indent=1, ensure_ascii=False))
    else:
        print("\n\n".join(map(_text, accounts)))
    if strict and any(one.state == "bad" for account in accounts for one in account.diagnosis.findings):
        sys.exit(1)


def measure_missing(run: Path) -> None:
    """Measure, of the last snapshot of `run`, what no finding can be made without; what cannot be measured is said."""
    findings = read_account(RunDirectory(run)).diagnosis.findings
    missing = {one.name for one in findings if one.state == "not measured"}
    metrics = list(dict.fromkeys(metric for name, metric in QUICK.items() if name in missing))
    measurements = [partial(_evaluate, run, metrics)] if metrics else []
    if COPYING.name in missing:
        measurements.append(partial(_seek_neighbours, run))
    for measurement in measurements:
        try:
            measurement()
        except (DataError, ConfigError) as error:
            say(f"not measured: {error}")


def _evaluate(run: Path, names: Sequence[str]) -> None:
    from pipelines.evaluate import evaluate
    from pipelines.measuring import Changes
    from pipelines.selection import Selection

    evaluate(run, Selection(), names, Changes(), watch=False)


def _seek_neighbours(run: Path) -> None:
    from pipelines.measuring import Changes
    from pipelines.neighbours import neighbours

    neighbours(run, None, count=8, nearest=5, features=False, changes=Changes())


def _text(account: Account) -> str:
    record, found = account.record, account.diagnosis
    failures = ", ".join(found.failures) or "no failure found"
    lines = [f"{record.run.root} at {kimg(record.images_seen)} kimg: {failures}", *map(_finding, found.findings)]
    warned = [f"warned at {kimg(one.images_seen)} kimg: {one.failure}" for one in record.notices if one.state == "bad"]
    return "\n".join([*lines, *warned])


def _finding(one: Finding) -> str:
    limits = f", watched from {number(one.limits.watch)}, bad from {number(one.limits.bad)}" if one.limits else ""
    value = "" if one.value is None else f" ({one.measure}: {number(one.value)}{limits})"
    return f"{one.state:12}  {one.failure}: {one.sentence}{value}"

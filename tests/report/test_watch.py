"""What the watch tells of runs that get worse and better: each failure once, for as long as it lasts."""

from pathlib import Path

import pytest
from made_runs import Page, started_run, tick

from pipelines.watch import look
from progan.report.one import build_report
from progan.rundir import RunDirectory

LOSING, PLAYING, DOUBTFUL = (0.02, 9.0), (1.0, 1.2), (0.15, 1.2)  # losses of the discriminator, of the generator


def _train(run: RunDirectory, losses: tuple[float, float], ticks: int) -> None:
    """So many more ticks, then a look."""
    seen = len(run.read_stats())
    for number in range(seen + 1, seen + ticks + 1):
        run.append_stats(tick(100 * number, 8, discriminator__logistic=losses[0], generator__logistic=losses[1]))
    look(run)


def _told(run: RunDirectory) -> list[tuple[int, str, str]]:
    return [(one["images_seen"], one["failure"], one["state"]) for one in run.read_warnings()]


def test_a_failure_is_told_once_until_it_is_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = started_run(tmp_path / "run")
    _train(run, PLAYING, 20)
    assert _told(run) == []
    _train(run, LOSING, 8)
    _train(run, LOSING, 4)
    begun = (2800, "discriminator too strong", "bad")
    assert _told(run) == [begun]
    _train(run, DOUBTFUL, 8)  # watched, and neither bad nor fine
    _train(run, LOSING, 10)
    assert _told(run) == [begun]
    _train(run, PLAYING, 10)
    over = (6000, "discriminator too strong", "fine")
    assert _told(run) == [begun, over]
    _train(run, LOSING, 10)
    assert _told(run) == [begun, over, (7000, "discriminator too strong", "bad")]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["warning", "over", "warning"]
    assert "lower the discriminator's learning rate" in lines[0]


def test_a_resumed_run_tells_again_what_it_has_forgotten_and_nothing_else(tmp_path: Path) -> None:
    run = started_run(tmp_path / "run")
    _train(run, PLAYING, 20)
    _train(run, LOSING, 8)
    told = _told(run)
    look(run)  # gone on from the checkpoint of this moment
    assert _told(run) == told
    run.rewind(2000)
    assert _told(run) == []
    _train(run, LOSING, 8)
    assert _told(run) == told


def test_a_file_that_cannot_be_read_stops_no_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = started_run(tmp_path / "run")
    run.metrics.write_text('{"metric": "swd2k"}\n')
    look(run)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("warning: the watch cannot read this run")
    assert "metrics.jsonl" in line


def test_the_report_says_what_the_watch_said(tmp_path: Path) -> None:
    run = started_run(tmp_path / "run")
    _train(run, PLAYING, 20)
    _train(run, LOSING, 8)
    page = Page(build_report(run).read_text(encoding="utf-8"))
    assert "2.8 kimg" in page.text
    assert "Begun: discriminator too strong." in page.text
    assert "Warned at 2.8 kimg: Begun: discriminator too strong." in run.report_markdown.read_text(encoding="utf-8")

"""report.json: what it says, and that it always can be said."""

import json
from pathlib import Path
from typing import Any

import pytest
from made_runs import FLOOR, inspected_run, started_run

from progan.report.one import build_report
from progan.report.summary import summary
from progan.rundir import RunDirectory


def _written(run: RunDirectory) -> dict[str, Any]:
    build_report(run)
    written: dict[str, Any] = json.loads(run.report_json.read_text(encoding="utf-8"))
    return written


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return _written(inspected_run(tmp_path_factory.mktemp("runs") / "run"))


def test_the_headlines_hold_every_value_of_the_metrics_file(written: dict[str, Any]) -> None:
    [swd] = [one for one in written["headlines"] if one["metric"] == "swd2k"]
    assert [one["value"] for one in swd["series"]] == [3.5, 9.876543, 11.0]
    assert swd["untrained"]["value"] == 140.123456
    assert swd["best"]["value"] == 9.876543
    assert swd["last"]["interval"] == [9.5, 12.5]
    assert swd["last"]["provenance"]["values"] == [10.5, 11.0, 11.5]
    assert (swd["floor"], swd["better"]) == (FLOOR, "lower")


def test_speed_state_settings_and_findings_are_numbers(written: dict[str, Any]) -> None:
    assert [one["resolution"] for one in written["speed"]] == [4, 8]
    assert written["speed"][0]["images_per_second"] == 100.0
    assert written["speed"][0]["outside"] == pytest.approx(1 / 3)
    assert (written["state"]["images_seen"], written["state"]["share"]) == (2000, 0.5)
    assert written["settings"]["seed"] == 0
    found = {one["name"]: one for one in written["diagnosis"]["findings"]}
    assert found["Memorisation"]["value"] == 0.9
    assert found["Variety by pairs"]["value"] == pytest.approx(0.05 / 0.75)


def test_what_was_sought_and_probed_is_there(written: dict[str, Any]) -> None:
    assert written["neighbours"]["images_seen"] == 2000
    assert "verdict" in written["neighbours"]["spaces"]["pixels"]
    assert written["probes"] is None


def test_every_key_is_told_in_the_docstring(written: dict[str, Any]) -> None:
    parts = [written, written["state"], *written["headlines"], *written["diagnosis"]["findings"], *written["speed"]]
    keys = {key for part in parts for key in part} | set(written["headlines"][0]["last"]) | set(written["phases"][0])
    assert not [key for key in keys if key not in str(summary.__doc__)]


def test_what_json_cannot_hold_is_written_as_text(tmp_path: Path) -> None:
    run = started_run(tmp_path / "run")
    run.config.write_text("limit: .inf\nday: 2026-11-20\n1: [.nan]\n")
    assert _written(run)["settings"] == {"limit": "inf", "day": "2026-11-20", "1": ["nan"]}

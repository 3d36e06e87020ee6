"""Several runs on one page."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from made_runs import EVIL, FLOOR, Page, measurement, started_run, tick, trained_run
from typer.testing import CliRunner

from pipelines.commands import app
from progan.report.contest import Contest, contests
from progan.report.differences import setting_differences, unique_names
from progan.report.headline import headlines
from progan.report.records import Measurement
from progan.report.several import build_comparison
from progan.rundir import RunDirectory
from progan.types import ConfigError, DataError


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a trained run, a better one, one that was never measured and one of settings only."""
    folder = tmp_path_factory.mktemp("compared")
    runs = [trained_run(folder / "a" / "run"), trained_run(folder / "b" / "run"), started_run(folder / "<b>new")]
    runs[1].append_metric(measurement("swd2k", 6.0, 2000, 8))
    runs[1].write_config({"seed": 1, "data": {"path": EVIL}, "optim": {"lr": 0.002}})
    unmeasured = started_run(folder / "unmeasured")
    unmeasured.append_stats(tick(500, 8))
    return build_comparison([*runs, unmeasured], folder / "out" / "page.html")


@pytest.fixture(scope="module")
def page(page_path: Path) -> Page:
    return Page(page_path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def written(page_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page_path.with_suffix(".json").read_text(encoding="utf-8"))
    return found


def test_the_page_has_every_run_and_fetches_nothing(page: Page) -> None:
    assert all(target.startswith(("data:image/", "#")) for target in page.fetched)
    assert "script" not in page.tags
    assert all(name in page.text for name in ("a/run", "b/run", "<b>new", "unmeasured"))
    assert len(page.images) == 2
    assert page.tags.count("svg") == 3 + 2 + 2


def test_figures_that_are_files_name_every_run_in_its_colour(page_path: Path) -> None:
    figures = list((page_path.parent / "page-figures").iterdir())
    assert {path.name for path in figures} >= {"swd2k.svg", "generator-wasserstein.svg", "speed.svg"}
    assert "![swd2k](page-figures/swd2k.svg)" in page_path.with_suffix(".md").read_text(encoding="utf-8")
    for path in figures:
        texts = [one for one in ElementTree.parse(path).iter() if one.tag.endswith("text") and "fill" in one.attrib]
        names = [(one.text or "").partition(" ")[2] for one in texts]
        assert names == ["a/run", "b/run", "<b>new", "unmeasured"]
        assert len({one.attrib["fill"] for one in texts}) == len(names)


def test_the_row_of_a_metric_holds_the_last_values_and_marks_the_best(page: Page, written: dict[str, Any]) -> None:
    assert page.numbers["swd2k"] == [12.345678, 6.0]
    row = written["headlines"][0]
    assert row["metric"] == "swd2k"
    assert row["entries"]["a/run"] == {"group": "", "mark": ""}
    assert row["entries"]["b/run"] == {"group": "", "mark": "best"}
    assert row["entries"]["unmeasured"] is None


def test_only_settings_that_differ_are_listed(written: dict[str, Any]) -> None:
    assert list(written["settings"]) == ["seed", "optim.lr"]
    assert written["settings"]["optim.lr"] == {"a/run": "–", "b/run": "0.002", "<b>new": "–", "unmeasured": "–"}


def test_the_parts_of_the_json_are_the_reports_of_the_runs(written: dict[str, Any]) -> None:
    assert list(written["runs"]) == ["a/run", "b/run", "<b>new", "unmeasured"]
    assert written["runs"]["b/run"]["headlines"][0]["last"]["value"] == 6.0
    assert written["runs"]["b/run"]["headlines"][0]["floor"] == FLOOR


def test_markdown_holds_the_same_table(page_path: Path) -> None:
    lines = page_path.with_suffix(".md").read_text(encoding="utf-8").splitlines()
    [row] = [line for line in lines if line.startswith("| swd2k")]
    assert "12.35 at 2 kimg, 8 px" in row
    assert "**6** (best run) at 2 kimg, 8 px; its best 6 at 2 kimg; real images 4.062" in row
    assert lines[lines.index(row) - 1].startswith("|---|")
    assert "![Samples of a/run](../a/run/samples/000002000-0008px.png)" in lines


def _contest(*values: dict[str, Any]) -> Contest:
    """Of runs with one measurement each."""
    [row] = contests([headlines([Measurement.model_validate(value)]) for value in values])
    return row


def _marks(row: Contest) -> list[str]:
    return [f"{entry.group}{entry.mark}" for entry in row.entries if entry]


@pytest.mark.parametrize("changes", [{"count": 64}, {"data_fingerprint": "0"}, {"weights_sha256": "0"}])
def test_values_of_another_protocol_do_not_compete(changes: dict[str, Any]) -> None:
    row = _contest(
        measurement("swd2k", 5.0, 100, 8),
        measurement("swd2k", 1.0, 100, 8, **changes),
        measurement("swd2k", 9.0, 100, 8),
    )
    assert _marks(row) == ["Abest", "B", "A"]
    assert row.note.startswith("These do not compare: ")


def test_values_of_another_resolution_do_not_compete() -> None:
    row = _contest(measurement("swd2k", 5.0, 100, 8), measurement("swd2k", 1.0, 100, 16))
    assert _marks(row) == ["A", "B"]
    assert "resolution differ." in row.note


@pytest.mark.parametrize(
    ("metric", "values", "marks"),
    [
        ("swd2k", (5.0, 4.0), ["", "best"]),
        ("swd2k", (4.0, 4.0), ["best", "best"]),
        ("msssim1k", (4.2, 3.0), ["best", ""]),  # the nearer to the floor
        ("unheard1k", (5.0, 4.0), ["", ""]),
    ],
)
def test_the_best_is_what_the_metric_says(metric: str, values: tuple[float, ...], marks: list[str]) -> None:
    assert _marks(_contest(*(measurement(metric, value, 100, 8) for value in values))) == marks


def test_an_untrained_generator_wins_nothing() -> None:
    row = _contest(measurement("swd2k", 1.0, 0, 8), measurement("swd2k", 5.0, 100, 8))
    assert _marks(row) == ["", ""]


def test_runs_whose_intervals_overlap_the_best_are_level_with_it() -> None:
    values = [(5.0, [4.0, 6.0]), (4.5, [3.5, 5.5]), (9.0, [8.0, 10.0])]
    row = _contest(*(measurement("swd2k", value, 100, 8) | {"interval": interval} for value, interval in values))
    assert _marks(row) == ["level", "best", ""]


def test_equal_folder_names_are_told_apart_by_as_many_parents_as_it_takes(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("a/x/run", "b/x/run", "b/y/run", "other")]
    assert unique_names(roots) == ["a/x/run", "b/x/run", "y/run", "other"]


def test_a_run_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="given 2 times"):
        unique_names([tmp_path / "run", tmp_path / "." / "run"])


def test_settings_are_compared_by_their_dotted_names() -> None:
    one = {"a": {"b": 1, "c": [1, 2]}, "same": True, "empty": {}}
    other = {"a": {"b": 1.5, "c": [1, 2]}, "same": True, "empty": {"d": None}}
    expected = {"a.b": ["1", "1.5"], "empty": ["{}", "–"], "empty.d": ["–", "null"]}
    assert setting_differences([one, other]) == expected


def test_the_command_compares_where_it_stands_and_refuses_a_page_that_is_no_html(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [str(trained_run(tmp_path / name).root) for name in ("one", "two")]
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["report", *runs])
    assert result.exit_code == 0
    assert result.stdout.split() == ["comparison.html", "comparison.md", "comparison.json"]
    assert all((tmp_path / name).is_file() for name in result.stdout.split())
    assert CliRunner().invoke(app, ["report", *runs, "--out", "page.txt"]).exit_code == 2


def test_a_directory_that_is_no_run_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a run directory"):
        build_comparison([trained_run(tmp_path / "run"), RunDirectory(tmp_path)], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()

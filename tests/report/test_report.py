import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made_runs import EVIL, FLOOR, Page, inspected_run, measurement, started_run, tick, trained_run

from progan.report.curves import Point, segments, smoothed, thinned
from progan.report.figures import metric_figure
from progan.report.headline import headlines
from progan.report.one import build_report
from progan.report.records import Measurement, PhaseFact
from progan.report.wording import plus_minus
from progan.rundir import RunDirectory
from progan.types import DataError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    run = trained_run(tmp_path_factory.mktemp("runs") / "a <b>run")
    build_report(run)
    return run


@pytest.fixture(scope="module")
def page(run: RunDirectory) -> Page:
    return Page(run.report_html.read_text(encoding="utf-8"))


def test_the_page_fetches_nothing_and_runs_nothing(page: Page) -> None:
    assert all(target.startswith(("data:image/", "#")) for target in page.fetched)
    assert len(page.images) == 1 + 3
    assert all(source.startswith("data:image/png;base64,") for source in page.images)
    assert page.tags.count("svg") == 3 + 2 + 2
    assert not {"script", "link", "iframe", "object"} & set(page.tags)


def test_headline_numbers_are_those_of_the_metrics_file(page: Page) -> None:
    # untrained, best, last, floor: the value at 4 px is smaller than the best, but it is not of the last resolution
    assert page.numbers["swd2k"] == [140.123456, 9.876543, 12.345678, FLOOR]
    assert page.numbers["fd1k-ab12cd34"] == [40.0, 40.0, FLOOR]
    assert "swd2k was better earlier, 9.877 at 1.5 kimg" in page.text


def test_text_of_the_user_is_shown_and_never_becomes_markup(page: Page) -> None:
    assert "script" not in page.tags
    assert "b" in page.tags
    assert page.text.count(EVIL) >= 5  # settings, data path, class, environment, metric
    assert "a <b>run" in page.text


def test_a_metric_with_other_weights_is_not_called_fid(page: Page) -> None:
    assert "of the features of ab12cd34, not of the published Inception network" in page.text
    assert page.text.replace("not comparable with published FID", "").count("FID") == 0


def test_markdown_is_written_beside_with_the_same_numbers(run: RunDirectory) -> None:
    text = run.report_markdown.read_text(encoding="utf-8")
    assert "| swd2k | 140.1 | 9.877 at 1.5 kimg | 12.35 at 2 kimg | 4.062 |" in text
    assert "samples/000002000-0008px.png" in text
    assert "progan train configs/quickstart.yaml" in text
    assert r"\<script\>" in text


def test_figures_are_files_too_which_the_markdown_shows(run: RunDirectory, page: Page) -> None:
    text = run.report_markdown.read_text(encoding="utf-8")
    shown = [run.root / target for target in re.findall(r"\]\((report-figures/[^)]*)\)", text)]
    assert len(shown) == page.tags.count("svg")
    assert set(shown) == set((run.root / "report-figures").iterdir())
    for path in shown:
        text = path.read_text(encoding="utf-8")
        assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(" not in text
        assert "#1f5fae" in text  # the first series' colour on the light page


def test_the_page_names_the_commands_of_what_is_absent(page: Page) -> None:
    assert "progan walk RUN" in page.text
    assert "progan neighbours RUN" in page.text


def test_an_inspected_run_shows_intervals_walks_and_neighbours(tmp_path: Path) -> None:
    page = Page(build_report(inspected_run(tmp_path / "run")).read_text(encoding="utf-8"))
    assert len(page.images) == 1 + 3 + 1 + 2
    assert "11 ± 1.5" in page.text
    assert "msssim1k: two-sample test: p = 0.001." in page.text
    assert "2 kimg. Distinct. Percentile 46.5; median distance 21; standout 0.9." in page.text
    assert "1, 2, 3" in page.text
    assert f"scaled {EVIL}" in page.text
    assert "progan walk RUN" not in page.text


@pytest.mark.parametrize(
    ("interval", "shown"), [((9.0, 11.0), "± 1"), ((9.5, 13.0), "[9.5, 13]"), (None, ""), ((10.0, 10.0), "± 0")]
)
def test_an_interval_is_shown_with_one_number_where_it_is_even(
    interval: tuple[float, float] | None, shown: str
) -> None:
    assert plus_minus(10.0, interval) == shown


def test_the_report_can_be_written_elsewhere(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run")
    page = build_report(run, tmp_path / "pages" / "mine.html")
    assert sorted(path.name for path in page.parent.iterdir()) == ["mine-figures", "mine.html", "mine.json", "mine.md"]
    assert "../run/samples/000002000-0008px.png" in page.with_suffix(".md").read_text(encoding="utf-8")
    assert not run.report_html.exists()


def test_a_slip_within_the_intervals_is_none() -> None:
    records = [measurement("swd2k", value, 100 * index, 8) for index, value in enumerate((9.0, 5.0, 6.0))]
    [apart] = headlines([Measurement.model_validate(record) for record in records])
    assert apart.slip == pytest.approx(0.2)
    wide = [record | {"interval": [record["value"] - 1, record["value"] + 1]} for record in records]
    [level] = headlines([Measurement.model_validate(record) for record in wide])
    assert level.slip == 0.0


def test_every_template_is_shipped() -> None:
    [listed] = re.findall(r"^progan = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    patterns = re.findall(r'"([^"]+)"', listed)
    templates = [path for path in (ROOT / "progan" / "report").rglob("*") if path.suffix in (".html", ".md", ".css")]
    assert len(templates) == 8
    assert all(any(path in (ROOT / "progan").glob(pattern) for pattern in patterns) for path in templates)


def test_a_run_that_only_has_settings_gets_a_report(tmp_path: Path) -> None:
    page = Page(build_report(started_run(tmp_path / "run")).read_text(encoding="utf-8"))
    assert "has not recorded any training yet" in page.text
    assert "Nothing has been measured yet" in page.text
    assert not page.images


def test_a_run_without_metrics_or_samples_gets_its_curves(tmp_path: Path) -> None:
    run = started_run(tmp_path / "run")
    run.append_stats(tick(100, 4))
    page = Page(build_report(run).read_text(encoding="utf-8"))
    assert page.tags.count("svg") == 2 + 2
    assert "No sample grids have been saved yet." in page.text


@pytest.mark.parametrize(
    ("name", "content"),
    [("stats.jsonl", "{]\n"), ("metrics.jsonl", '{"metric": "swd2k"}\n'), ("status.json", '{"state": "lost"}\n')],
)
def test_a_broken_file_is_named_in_one_line(tmp_path: Path, name: str, content: str) -> None:
    run = started_run(tmp_path / "run")
    (run.root / name).write_text(content)
    with pytest.raises(DataError, match=name) as caught:
        build_report(run)
    assert "\n" not in str(caught.value)


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a run directory"):
        build_report(RunDirectory(tmp_path))
    assert not list(tmp_path.iterdir())


def test_curves_are_never_joined_across_resolutions() -> None:
    resolutions = [4, 4, 8, 8, 8, 16, 4]
    points = [Point(100 * index, float(index), resolution) for index, resolution in enumerate(resolutions)]
    runs = segments(reversed(points))
    assert [[point.resolution for point in run] for run in runs] == [[4, 4], [8, 8, 8], [16], [4]]
    assert [point for run in runs for point in run] == points


def test_smoothing_keeps_a_constant_and_thinning_keeps_the_ends() -> None:
    points = [Point(index, 3.0, 4) for index in range(101)]
    assert smoothed(points, 7) == points
    kept = thinned(points, 10)
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert len(kept) <= 12


def test_values_measured_in_another_way_are_set_aside() -> None:
    records = [measurement("swd2k", 1.0, 100, 8, count=64), measurement("swd2k", 9.0, 200, 8)]
    [found] = headlines([Measurement.model_validate(record) for record in records])
    assert found.best is found.last
    assert found.set_aside == 1
    assert [one.value for one in found.series] == [9.0]


def test_the_best_match_is_the_value_nearest_to_that_of_real_images() -> None:
    records = [measurement("msssim1k", value, 100 * index, 32) for index, value in enumerate((9.0, 5.0, 4.1, 1.0))]
    [found] = headlines([Measurement.model_validate(record) for record in records])
    assert found.best is not None
    assert found.best.value == 4.1
    assert found.slipped


def test_no_ratio_is_taken_between_resolutions() -> None:
    records = [measurement("swd2k", 100.0, 0, 32), measurement("swd2k", 10.0, 500, 8)]
    [found] = headlines([Measurement.model_validate(record) for record in records])
    assert found.untrained is None
    assert found.untrained_to_last is None


def test_a_figure_is_deterministic_and_has_no_colours_of_its_own() -> None:
    records = [measurement("swd2k", 10.0 - index, 100 * index, 8) for index in range(4)]
    [found] = headlines([Measurement.model_validate(record) for record in records])
    phases = [PhaseFact(start=0, end=1000, resolution=8, batch=4, lr=0.1)]
    svg = metric_figure(found, phases, 300)
    assert svg == metric_figure(found, phases, 300)
    assert "#0a0b" not in svg
    assert "var(--series-0)" in svg
    assert "#000000" not in svg
    assert "var(--sans)" in svg
    assert "DejaVu" not in svg

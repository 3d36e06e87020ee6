from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from progan.report.build import build_report
from progan.report.curves import Point, segments, smoothed, thinned
from progan.report.figures import metric_figure
from progan.report.headline import headlines
from progan.report.records import Measurement, PhaseFact
from progan.rundir import RunDirectory
from progan.types import DataError

EVIL = "<script>alert('$x$')</script>"
FLOOR = 4.0625


class Page(HTMLParser):
    """What a browser would fetch, run or show as a number."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.images: list[str] = []
        self.numbers: dict[str, list[float]] = {}  # metric -> the values of its row of the headline table
        self.text = ""
        self._row: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.fetched += [found[name] for name in ("src", "href", "xlink:href", "srcset", "action") if name in found]
        if tag == "img":
            self.images.append(found["src"])
        if tag == "tr":
            self._row = found.get("data-metric")
        if tag == "data" and self._row is not None:
            self.numbers.setdefault(self._row, []).append(float(found["value"]))

    def handle_data(self, data: str) -> None:
        self.text += data


def measurement(metric: str, value: float, images_seen: int, resolution: int, **changes: Any) -> dict[str, Any]:
    provenance = {"count": 2048, "snapshot": "s", "data_fingerprint": "f" * 64, "seed": 1, "weights_sha256": None}
    record = {"metric": metric, "value": value, "images_seen": images_seen, "resolution": resolution, "floor": FLOOR}
    return record | {"provenance": provenance | changes}


def tick(images_seen: int, resolution: int) -> dict[str, Any]:
    clock = {"images_seen": images_seen, "resolution": resolution, "fade": 1.0, "fading": False, "phase": 0}
    speed = {"images_per_second": 100.0, "seconds": 1.0, "maintenance_seconds": 0.5, "elapsed_seconds": 9.0}
    losses = {"discriminator/wasserstein": 1.0 / images_seen, "generator/wasserstein": 2.0}
    return clock | speed | {"batch": 16, "lr": 0.001, "memory_mb": 512.0, "losses": losses}


def started_run(root: Path) -> RunDirectory:
    run = RunDirectory(root)
    run.write_config({"seed": 0, "data": {"path": EVIL}})
    return run


def trained_run(root: Path) -> RunDirectory:
    """Half of a run from 4 to 8 px."""
    run = started_run(root)
    phases = [(0, 1000, 4, False), (1000, 2000, 8, True), (2000, 4000, 8, False)]
    names = ("start", "end", "resolution", "fading")
    run.write_facts(
        {
            "command": "progan train configs/quickstart.yaml",
            "started": "2026-11-20T12:00:00+00:00",
            "environment": {"torch": "2.13.0", "host": EVIL},
            "parameters": {"generator": 10, "discriminator": 12},
            "data": {"path": EVIL, "count": 100, "classes": [EVIL], "fingerprint": "f" * 64},
            "phases": [dict(zip(names, phase, strict=True)) | {"batch": 16, "lr": 0.001} for phase in phases],
        }
    )
    for images_seen in range(100, 2001, 100):
        run.append_stats(tick(images_seen, 4 if images_seen <= 1000 else 8))
    for images_seen, resolution in ((500, 4), (1500, 8), (2000, 8)):
        path = run.sample(images_seen, resolution)
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (16 * resolution, 8 * resolution), (images_seen % 256, 80, 90)).save(path)
    for record in (
        measurement("swd2k", 140.123456, 0, 8),
        measurement("swd2k", 3.5, 1000, 4),
        measurement("swd2k", 9.876543, 1500, 8),
        measurement("swd2k", 12.345678, 2000, 8),
        measurement("fd1k-ab12cd34", 40.0, 2000, 8, weights_sha256="ab12cd34" + "0" * 56),
        measurement(EVIL, 7.0, 2000, 8),
    ):
        run.append_metric(record)
    return run


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
    assert page.tags.count("svg") == 3 + 2
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
    assert "it is not an FID" in page.text
    assert page.text.replace("not an FID", "").replace("not comparable with published FID", "").count("FID") == 0


def test_markdown_is_written_beside_with_the_same_numbers(run: RunDirectory) -> None:
    text = run.report_markdown.read_text(encoding="utf-8")
    assert "| swd2k | 140.1 | 9.877 at 1.5 kimg | 12.35 at 2 kimg | 4.062 |" in text
    assert "samples/000002000-0008px.png" in text
    assert "progan train configs/quickstart.yaml" in text
    assert r"\<script\>" in text


def test_a_run_that_only_has_settings_gets_a_report(tmp_path: Path) -> None:
    page = Page(build_report(started_run(tmp_path / "run")).read_text(encoding="utf-8"))
    assert "has not recorded any training yet" in page.text
    assert "Nothing has been measured yet" in page.text
    assert not page.images


def test_a_run_without_metrics_or_samples_gets_its_curves(tmp_path: Path) -> None:
    run = started_run(tmp_path / "run")
    run.append_stats(tick(100, 4))
    page = Page(build_report(run).read_text(encoding="utf-8"))
    assert page.tags.count("svg") == 2
    assert "No sample grids have been saved yet." in page.text


@pytest.mark.parametrize(("name", "content"), [("stats.jsonl", "{]\n"), ("metrics.jsonl", '{"metric": "swd2k"}\n')])
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
    phases = [PhaseFact(start=0, end=None, resolution=8, batch=4, lr=0.1)]
    svg = metric_figure(found, phases, 300)
    assert svg == metric_figure(found, phases, 300)
    assert "#0a0b" not in svg
    assert "var(--series-0)" in svg
    assert "#000000" not in svg

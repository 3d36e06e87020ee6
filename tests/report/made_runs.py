"""Run directories made for tests, and what a page shows."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from PIL import Image

from progan.rundir import RunDirectory

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


def tick(images_seen: int, resolution: int, **losses: float) -> dict[str, Any]:
    """A line of stats.jsonl; losses: by name of the term with __ for the slash, or those of a critic."""
    clock = {"images_seen": images_seen, "resolution": resolution, "fade": 1.0, "fading": False, "phase": 0}
    speed = {"images_per_second": 100.0, "seconds": 1.0, "maintenance_seconds": 0.5, "elapsed_seconds": 9.0}
    critic = {"discriminator/wasserstein": 1.0 / images_seen, "generator/wasserstein": 2.0}
    named = {name.replace("__", "/"): value for name, value in losses.items()}
    return clock | speed | {"batch": 16, "lr": 0.001, "memory_mb": 512.0, "losses": named or critic}


def started_run(root: Path) -> RunDirectory:
    run = RunDirectory(root)
    run.write_config({"seed": 0, "data": {"path": EVIL}})
    return run


def draw(path: Path, width: int, height: int, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (shade, 80, 90)).save(path)


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
        draw(run.sample(images_seen, resolution), 16 * resolution, 8 * resolution, images_seen % 256)
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


def inspected_run(root: Path) -> RunDirectory:
    """A trained run with intervals, a test's p-value, interpolations and nearest neighbours."""
    run = trained_run(root)
    seeds = {"seeds": [1, 2, 3], "values": [10.5, 11.0, 11.5], "preprocessing": f"scaled {EVIL}", "processes": 2}
    run.append_metric(measurement("swd2k", 11.0, 2000, 8, **seeds) | {"interval": [9.5, 12.5]})
    run.append_metric(measurement("msssim1k", 0.3, 2000, 8, details={"p_value": 0.001}) | {"floor": 0.25})
    draw(root / "walks" / "000002000-0008px.png", 64, 16, 10)
    for space in ("pixels", "features"):
        draw(root / "neighbours" / f"000001500-{space}.png", 8, 8, 20)
        draw(root / "neighbours" / f"000002000-{space}.png", 32, 32, 30)
    found = {"verdict": "distinct", "percentile": 46.5, "median_distance": 21, "standout": 0.9}
    facts: dict[str, Any] = {"pixels": found, "features": {}}
    (root / "neighbours" / "000002000.json").write_text(json.dumps({"spaces": facts}))
    return run

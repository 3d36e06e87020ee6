"""The pages in a browser: nothing is asked of the network, every picture shows, a phone need not scroll sideways."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from made_runs import inspected_run, trained_run

from progan.report.one import build_report
from progan.report.several import build_comparison

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for path in map(shutil.which, BROWSERS) if path), None)
PHONE = 390  # pixels
# Before all else in the page: what it would fetch is refused and reported, as are errors.
GUARD = """<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<script>
window.refused = [];
addEventListener("securitypolicyviolation", event => refused.push(event.blockedURI));
addEventListener("error", event => refused.push("error: " + event.message), true);
</script>"""
# The page in frames as wide as a phone and a screen: inside a frame the frame's width is that of the window.
HARNESS = """<!doctype html><pre id="outcome"></pre>{frames}
<script>
addEventListener("load", () => {{
  const outcome = [...document.querySelectorAll("iframe")].map(frame => {{
    const page = frame.contentDocument, root = page.documentElement;
    return {{
      asked: frame.width, shown: root.clientWidth, needed: root.scrollWidth,
      pictures: [...page.images].map(picture => picture.naturalWidth),
      speechless: [...page.images].filter(picture => !picture.alt).length,
      unreachable: [...page.querySelectorAll(".scroll")].filter(one => one.tabIndex < 0).length,
      dead: [...page.querySelectorAll("a")].filter(one => !page.querySelector(one.getAttribute("href"))).length,
      refused: frame.contentWindow.refused,
    }};
  }});
  document.getElementById("outcome").textContent = JSON.stringify(outcome);
}});
</script>"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")


def _seen(text: str, folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """What a browser finds in the page at the width of a phone and of a screen; the lines on its console."""
    guarded = html.escape(text.replace("<head>", f"<head>{GUARD}", 1))
    frames = "".join(f'<iframe width="{width}" height="800" srcdoc="{guarded}"></iframe>' for width in (PHONE, 1200))
    harness = folder / "harness.html"
    harness.write_text(HARNESS.format(frames=frames), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr"]
    command = [str(BROWSER), *options, f"--user-data-dir={folder / 'profile'}", "--dump-dom", harness.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    outcome = re.search(r'<pre id="outcome">(.+?)</pre>', done.stdout)
    assert outcome is not None
    seen: list[dict[str, Any]] = json.loads(html.unescape(outcome[1]))
    return seen, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def _check(text: str, folder: Path, pictures: int) -> None:
    seen, console = _seen(text, folder)
    assert console == []
    for one in seen:
        assert one["refused"] == []
        assert len(one["pictures"]) == pictures
        assert min(one["pictures"]) > 0
        assert one["needed"] <= one["shown"] <= int(one["asked"])
        assert one["speechless"] == one["unreachable"] == one["dead"] == 0


def test_the_page_of_a_run_shows_whole_on_a_phone_and_on_a_screen(tmp_path: Path) -> None:
    page = build_report(inspected_run(tmp_path / "a run with a rather long name, which-cannot-be-broken-so-easily"))
    _check(page.read_text(encoding="utf-8"), tmp_path, pictures=1 + 3 + 1 + 2)


def test_the_page_of_several_runs_shows_whole_on_a_phone_and_on_a_screen(tmp_path: Path) -> None:
    runs = [inspected_run(tmp_path / "inspected"), *(trained_run(tmp_path / name / "run") for name in "abcd")]
    page = build_comparison(runs, tmp_path / "page.html")
    _check(page.read_text(encoding="utf-8"), tmp_path, pictures=5)


def test_the_browser_would_tell_what_is_wrong(tmp_path: Path) -> None:
    wrong = '<img src="http://localhost:9/x.png"><p style="width: 2000px">wide</p><a href="#nowhere">x</a>'
    [phone, _], console = _seen(f"<!doctype html><html><head></head><body>{wrong}</body></html>", tmp_path)
    assert console
    assert phone["refused"]
    assert phone["pictures"] == [0]
    assert phone["needed"] > PHONE
    assert phone["speechless"] == phone["dead"] == 1

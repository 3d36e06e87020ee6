"""The commands around a prepared set, as people run them."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SYNTHETIC = ("prepare", "synthetic", "--resolution", 16)


def progan(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_a_set_among_its_own_pictures_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    refused = progan("prepare", tmp_path, "--out", tmp_path / "set")
    assert refused.returncode == 2
    assert "lies in" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["one.png"]


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_parts_are_prepared_merged_verified_and_inspected(tmp_path: Path) -> None:
    wanted = (*SYNTHETIC, "--limit", 40, "--label", "Smiling*Bald", "--codec", "webp", "--raw-up-to", 8)
    assert progan(*wanted, "--out", tmp_path / "one").returncode == 0
    for part in ("1/3", "2/3", "3/3"):
        assert progan(*wanted, "--out", tmp_path / "set", "--part", part).returncode == 0
    refused = progan("inspect", tmp_path / "set")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    merged = progan("merge", tmp_path / "set", "--delete-parts")
    assert merged.returncode == 0, merged.stderr
    assert contents(tmp_path / "set") == contents(tmp_path / "one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "set"]
    again = progan("merge", tmp_path / "set", "--delete-parts")
    assert (again.returncode, "already prepared" in again.stdout) == (0, True)

    assert "all well: 40 images" in progan("verify", tmp_path / "set").stdout
    shown = progan("inspect", tmp_path / "set", "--out", tmp_path / "sheet.png").stdout
    for expected in ("40 images of synthetic", "not Smiling, not Bald", "webp", "raw"):
        assert expected in shown
    assert Image.open(tmp_path / "sheet.png").width == 16 * 16

    shard = tmp_path / "set" / "r0016" / "000000.tar"
    shard.write_bytes(shard.read_bytes()[:-512])
    damaged = progan("verify", tmp_path / "set")
    assert damaged.returncode == 2
    assert str(shard) in damaged.stdout
    assert "1 bad files" in damaged.stderr


def _preparing(out: Path) -> "subprocess.Popen[str]":
    command = [*SYNTHETIC, "--limit", 600, "--out", out, "--workers", 2]
    whole = [sys.executable, "-m", "pipelines", *map(str, command)]
    return subprocess.Popen(whole, cwd=ROOT, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("later", [0.0, 0.1, 0.2])  # seconds
def test_a_prepare_that_is_stopped_while_its_workers_start_says_so_too(tmp_path: Path, later: float) -> None:
    process = _preparing(tmp_path / "set")
    while not subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, check=False).stdout:
        assert process.poll() is None
    time.sleep(later)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert errors.strip() == "stopped by SIGTERM; the same command goes on or starts again"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_prepare_says_so_and_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    process = _preparing(tmp_path / "set")
    working = tmp_path / ".set.partial" / "r0016" / "000000.tar"
    while not working.exists():
        assert process.poll() is None
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors.strip() == f"stopped by {number.name}; the same command goes on or starts again"
    again = progan(*SYNTHETIC, "--limit", 600, "--out", tmp_path / "set")
    assert "600 images" in again.stdout
    assert "all well" in progan("verify", tmp_path / "set").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--part", "4/3"), "--part '4/3': give the part and how many there are"),
        (("--codec", "gif"), "encoding 'gif': choose raw, png, webp or jpeg"),
        (("--crop", "middle"), "crop: 'middle' is none of auto, centre, box, face"),
        (("--label", "Smilng"), "no attribute 'Smilng'; nearest: Smiling"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = progan(*SYNTHETIC, "--limit", 3, "--out", tmp_path / "set", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1

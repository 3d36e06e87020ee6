"""The command on made-up losses, and the watch over a whole run that is made to fail."""

import json
from pathlib import Path

from progan_command import progan, refused
from tiny_run import ROOT, train

from progan.rundir import RunDirectory

WON = {"discriminator/logistic": 0.01, "generator/minimax": -0.005}
OPEN = {"discriminator/logistic": 1.2, "generator/logistic": 0.9}
STRONG = "discriminator too strong"


def _run(root: Path, losses: dict[str, float]) -> RunDirectory:
    """Thirty ticks of these losses."""
    run = RunDirectory(root)
    run.write_config({"seed": 0})
    clock = {"resolution": 16, "fade": 1.0, "fading": False, "phase": 0, "batch": 16, "lr": 0.001}
    speed = {"images_per_second": 1.0, "seconds": 1.0, "maintenance_seconds": 0.0, "elapsed_seconds": 1.0}
    for number in range(30):
        run.append_stats({"images_seen": 100 * (number + 1), **clock, **speed, "losses": losses})
    return run


def test_each_finding_is_a_line_with_its_state_number_and_limits(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", WON)
    head, *lines = progan("diagnose", run.root).out.splitlines()
    assert head == f"{run.root} at 3 kimg: {STRONG}"
    (line,) = [line for line in lines if STRONG in line]
    assert line.startswith("bad")
    assert "recent median: 0.01, watched from 0.2, bad from 0.1)" in line
    (unmeasured,) = [line for line in lines if "memorisation" in line]
    assert "progan neighbours RUN" in unmeasured


def test_strict_tells_by_the_exit_code_whether_any_run_is_bad(tmp_path: Path) -> None:
    won, still_open = _run(tmp_path / "won", WON), _run(tmp_path / "open", OPEN)
    progan("diagnose", still_open.root, "--strict")
    progan("diagnose", still_open.root, won.root, "--strict", code=1)
    progan("diagnose", still_open.root, won.root)


def test_json_holds_every_run_with_its_numbers(tmp_path: Path) -> None:
    runs = [_run(tmp_path / "won", WON), _run(tmp_path / "open", OPEN)]
    won, still_open = json.loads(progan("diagnose", "--json", *(run.root for run in runs)).out)
    assert (won["run"], won["failures"], still_open["failures"]) == (str(runs[0].root), [STRONG], [])
    (found,) = [one for one in won["findings"] if one["failure"] == STRONG]
    assert (found["state"], found["value"], found["threshold"], found["bad_threshold"]) == ("bad", 0.01, 0.2, 0.1)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    assert "not a run directory" in refused("diagnose", tmp_path, "--measure")


def test_a_discriminator_made_too_strong_is_warned_of_once(tmp_path: Path) -> None:
    progan("prepare", "synthetic", "--out", tmp_path / "set", "--resolution", 16, "--limit", 64, "--workers", 1)
    settings = [f"data.path={tmp_path / 'set'}", "schedule.total_kimg=2", "cadence.tick_kimg=0.064"]
    settings += ["cadence.checkpoint_kimg=0.5", "evaluation.metrics=[]"]
    config = ROOT / "configs" / "failures" / "strong-discriminator.yaml"

    def warned() -> list[str]:
        said = train(config, tmp_path / "run", *settings).out
        return [line for line in said.splitlines() if line.startswith("warning: ")]

    warnings = warned()
    assert len(warnings) == 1
    assert warnings[0].startswith(f"warning: {STRONG}: ")
    assert warned() == []
    assert [one["failure"] for one in RunDirectory(tmp_path / "run").read_warnings()] == [STRONG]

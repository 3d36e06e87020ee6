"""What counts as measured."""

import json
from pathlib import Path

from progan_command import progan, refused

from pipelines.selection import unmeasured
from progan.config import validate
from progan.report.records import Measurement
from progan.rundir import RunDirectory
from progan.settings import Config, make_schedule

SETTINGS = {"data": {"path": "x"}, "schedule": {"resolution": 16}, "evaluation": {"metrics": ["swd2k", "pr3k"]}}
CONFIG = validate(Config, SETTINGS)


def _measured(metric: str, weights: str | None = None, seen: int = 100, resolution: int = 16) -> Measurement:
    facts = {"weights_sha256": weights, "real_mirrored": True, "seeds": [1]}
    return Measurement(metric=metric, value=1.0, images_seen=seen, resolution=resolution, provenance=facts)


def test_a_result_counts_for_its_own_generator_weights_and_way_of_measuring() -> None:
    wanted = {"swd2k": None, "fd5k-faces": "abc"}
    done = [_measured("swd2k"), _measured("fd5k-faces", "abc")]
    assert unmeasured(wanted, done, 100, 16, CONFIG) == []
    assert unmeasured(wanted, done[:1], 100, 16, CONFIG) == ["fd5k-faces"]
    assert unmeasured(wanted, [done[0], _measured("fd5k-faces", "trained again")], 100, 16, CONFIG) == ["fd5k-faces"]
    assert unmeasured(wanted, done, 200, 16, CONFIG) == list(wanted)
    assert unmeasured(wanted, done, 100, 8, CONFIG) == list(wanted)
    for other in ({"data": {"path": "x", "mirror": False}}, {"evaluation": {"seeds": 2}}):
        assert unmeasured(wanted, done, 100, 16, validate(Config, SETTINGS | other)) == list(wanted)


def _run_with_snapshot(root: Path, seen: int) -> RunDirectory:
    run = RunDirectory(root)
    run.write_config(CONFIG.model_dump(mode="json"))
    run.snapshot(seen).parent.mkdir()
    run.snapshot(seen).write_bytes(b"")
    return run


def _append(run: RunDirectory, one: Measurement) -> None:
    run.append_metric(json.loads(one.model_dump_json()))


def test_a_snapshot_is_listed_until_all_that_is_asked_for_is_measured(tmp_path: Path) -> None:
    seen = make_schedule(CONFIG).total_images
    run = _run_with_snapshot(tmp_path, seen)
    snapshot = run.snapshot(seen)
    for metric, listed in (("energy1k", True), ("swd2k", True), ("precision3k-faces", True), ("recall3k", False)):
        _append(run, _measured(metric, seen=seen))
        assert progan("evaluate", run.root, "--list").out == f"{snapshot}\n" * listed
    assert progan("evaluate", run.root, "energy1k", "--list").out == ""
    assert progan("evaluate", run.root, "energy2k", "--list").out == f"{snapshot}\n"


def test_a_result_that_evaluate_would_make_again_does_not_take_a_snapshot_off_the_list(tmp_path: Path) -> None:
    seen = make_schedule(CONFIG).total_images
    run = _run_with_snapshot(tmp_path, seen)
    one = _measured("energy1k", seen=seen)
    _append(run, one.model_copy(update={"provenance": one.provenance | {"real_mirrored": False}}))
    assert progan("evaluate", run.root, "energy1k", "--list").out == f"{run.snapshot(seen)}\n"


def test_what_is_not_defined_at_the_size_of_a_snapshot_does_not_list_it(tmp_path: Path) -> None:
    """The round that ended at 16 px had begun at 8."""
    border = make_schedule(CONFIG).entries[-2]
    run = _run_with_snapshot(tmp_path, border)
    assert progan("evaluate", run.root, "swd2k", "--list").out == ""
    assert progan("evaluate", run.root, "energy1k", "--list").out == f"{run.snapshot(border)}\n"


def test_options_that_would_be_passed_over_are_refused(tmp_path: Path) -> None:
    assert "--list and --seeds: do not go together" in refused("evaluate", tmp_path, "--list", "--seeds", 2)
    assert "--watch and --snapshot" in refused("evaluate", tmp_path, "--watch", "--snapshot", tmp_path / "x")

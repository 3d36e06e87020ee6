"""Each finding on records that fail in that way, and none on a healthy run's."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from made_runs import draw, measurement, started_run, tick

from progan.report.account import read_account
from progan.report.balance import swings
from progan.report.diagnosis import Diagnosis
from progan.report.finding import Finding, Limits
from progan.rundir import RunDirectory

# The quickstart's own ticks: images seen, resolution, fading, loss of the discriminator, of the generator.
QUICKSTART = """
2000 4 0 .753 1.459; 4000 4 0 .739 1.581; 6000 8 1 .804 1.768; 8000 8 1 .967 1.798; 10000 8 0 .943 1.464
12000 8 0 .989 1.493; 14000 16 1 1.052 1.302; 16000 16 1 1.088 1.139; 18000 16 1 1.028 1.319; 20000 16 0 .872 1.597
22000 16 0 .846 1.772; 24000 16 0 .818 1.908; 26000 16 0 .763 1.913; 28000 16 0 .806 1.904; 30000 32 1 .796 1.813
32000 32 1 .913 1.519; 34000 32 1 .933 1.427; 36000 32 0 .943 1.431; 38000 32 0 .981 1.401; 40000 32 0 .981 1.368
42000 32 0 .989 1.307; 44000 32 0 1.017 1.317; 46000 32 0 1.007 1.297; 48000 32 0 1.06 1.229; 50000 32 0 1.036 1.233
52000 32 0 1.05 1.255; 54000 32 0 1.038 1.28
"""
# Its measurements: metric, images seen, resolution, value, floor.
MEASURED = [
    ("swd2k", 0, 32, 154.43, 6.703),
    ("msssim1k", 0, 32, 0.0823, 0.1889),
    ("swd2k", 24000, 16, 50.44, 8.854),
    ("msssim1k", 24000, 16, 0.3281, 0.2139),
    ("swd2k", 48000, 32, 30.04, 6.703),
    ("msssim1k", 48000, 32, 0.2652, 0.1889),
    ("swd2k", 54000, 32, 23.25, 6.703),
    ("msssim1k", 54000, 32, 0.2564, 0.1889),
]


def _diagnosed(
    root: Path, losses: Iterable[dict[str, float]] = (), measured: Iterable[dict[str, Any]] = ()
) -> Diagnosis:
    """Of a run at 8 px with these losses, a tick each 100 images, and these measurements."""
    run = started_run(root / "run")
    for index, one in enumerate(losses):
        run.append_stats(tick(100 * (index + 1), 8, **one))
    for record in measured:
        run.append_metric(record)
    return read_account(run).diagnosis


def _found(diagnosis: Diagnosis, name: str) -> Finding:
    [found] = [one for one in diagnosis.findings if one.name == name]
    return found


def _logistic(discriminator: float, generator: float) -> dict[str, float]:
    """The generator's loss is below 0 in the minimax form alone."""
    answer = "minimax" if generator < 0 else "logistic"
    return {"discriminator__logistic": discriminator, f"generator__{answer}": generator}


def _critic(generator: float) -> dict[str, float]:
    return {"discriminator__wasserstein": -1.0, "generator__wasserstein": generator}


def _quickstart(root: Path, measured: list[tuple[str, int, int, float, float]]) -> RunDirectory:
    run = started_run(root / "run")
    for line in QUICKSTART.replace("\n", ";").strip("; ").split(";"):
        seen, resolution, fading, discriminator, generator = (float(word) for word in line.split())
        record = tick(int(seen), int(resolution), **_logistic(discriminator, generator))
        run.append_stats(record | {"fading": bool(fading)})
    for metric, seen, resolution, value, floor in measured:
        run.append_metric(measurement(metric, value, seen, resolution) | {"floor": floor})
    return run


def test_the_quickstart_is_healthy_at_its_end_and_at_every_measurement_before(tmp_path: Path) -> None:
    for count in (4, 6, 8):
        diagnosis = read_account(_quickstart(tmp_path / str(count), MEASURED[:count])).diagnosis
        assert {one.state for one in diagnosis.findings} <= {"fine", "not measured"}
        assert diagnosis.verdict.startswith("Nothing that was measured points to a failure.")


def test_a_run_without_measurements_is_not_called_healthy(tmp_path: Path) -> None:
    diagnosis = read_account(_quickstart(tmp_path, [])).diagnosis
    assert diagnosis.verdict.startswith("Not enough has been measured")
    assert "variety by pairs" in diagnosis.verdict


def test_a_run_of_settings_alone_has_nothing_measured(tmp_path: Path) -> None:
    assert {one.state for one in _diagnosed(tmp_path).findings} == {"not measured"}


@pytest.mark.parametrize(
    ("name", "metric", "values"),
    [
        # value, floor -> state
        ("Variety by spread", "spread10k", {(0.55, 1.0): "fine", (0.45, 1.0): "watch", (0.25, 1.0): "bad"}),
        ("Variety by pairs", "msssim10k", {(0.32, 0.28): "fine", (0.5, 0.28): "watch", (0.7, 0.28): "bad"}),
        ("Variety by bins", "ndb10k", {(0.8, 0.07): "fine", (0.95, 0.07): "watch", (1.0, 0.02): "bad"}),
    ],
)
def test_a_collapse_of_variety_is_seen(
    tmp_path: Path, name: str, metric: str, values: dict[tuple[float, float], str]
) -> None:
    for index, ((value, floor), state) in enumerate(values.items()):
        records = [measurement(metric, value, 1000, 8) | {"floor": floor}]
        diagnosis = _diagnosed(tmp_path / str(index), measured=records)
        assert _found(diagnosis, name).state == state
        assert diagnosis.verdict.startswith("Something is wrong") == (state == "bad")


def test_the_variety_of_an_untrained_generator_is_not_judged(tmp_path: Path) -> None:
    records = [measurement("msssim10k", 0.9, 0, 8) | {"floor": 0.3}]
    assert _found(_diagnosed(tmp_path, measured=records), "Variety by pairs").state == "not measured"


def test_a_discriminator_that_has_won_is_seen_while_the_generator_falls_behind(tmp_path: Path) -> None:
    lost = [_logistic(1.0, 1.2)] * 20 + [_logistic(0.02, 9.0)] * 5
    assert _found(_diagnosed(tmp_path / "lost", lost), "Balance of the players").state == "bad"
    steady = [_logistic(0.02, 6.0)] * 25
    assert _found(_diagnosed(tmp_path / "steady", steady), "Balance of the players").state == "watch"


def test_no_winner_is_read_from_a_wasserstein_critic(tmp_path: Path) -> None:
    found = _found(_diagnosed(tmp_path, [_critic(0.0)] * 30), "Balance of the players")
    assert found.state == "not measured"
    assert "no value of it shows a winner" in found.sentence


def test_a_minimax_generator_has_lost_where_its_loss_vanishes(tmp_path: Path) -> None:
    lost = [_logistic(1.2, -0.6)] * 20 + [_logistic(0.02, -0.01)] * 5
    found = _found(_diagnosed(tmp_path / "lost", lost), "Balance of the players")
    assert found.state == "bad"
    assert "near 0 it has no gradient" in found.sentence


def test_a_logistic_loss_is_too_large_by_itself_and_a_critics_only_where_it_grows(tmp_path: Path) -> None:
    name = "Growth of the losses"
    assert _found(_diagnosed(tmp_path / "logistic", [_logistic(0.5, 60.0)] * 30), name).state == "bad"
    assert _found(_diagnosed(tmp_path / "critic", [_critic(60.0)] * 30), name).state == "fine"


def test_losses_at_another_resolution_are_no_measure_of_growth(tmp_path: Path) -> None:
    run = started_run(tmp_path / "run")
    for index in range(40):
        run.append_stats(tick(100 * (index + 1), 4 if index < 20 else 8, **_critic(1.0 if index < 20 else 60.0)))
    assert _found(read_account(run).diagnosis, "Growth of the losses").state == "fine"


def test_a_game_without_losses_known_here_is_not_judged(tmp_path: Path) -> None:
    matching = [{"discriminator__unsupervised": 1.0, "generator__feature_matching": 0.1}] * 40
    findings = _diagnosed(tmp_path, matching).findings
    assert [one.state for one in findings[:3]] == ["not measured"] * 3
    assert "neither a logistic nor a wasserstein loss" in findings[2].sentence


def test_a_run_is_not_blamed_for_swings_that_are_long_over(tmp_path: Path) -> None:
    swinging = [_logistic(1.0, 2.0 + 1.5 * math.sin(index / 2)) for index in range(90)]
    calm = [*swinging, *[_logistic(1.0, 2.0)] * 130]
    assert _found(_diagnosed(tmp_path, calm), "Steadiness of the generator's loss").value == 0


def test_causes_are_named_before_what_follows_from_them(tmp_path: Path) -> None:
    collapsed = [measurement("msssim1k", 0.95, 3000, 16) | {"floor": 0.3}]
    diagnosis = _diagnosed(tmp_path, [_logistic(0.01, -0.01)] * 30, collapsed)
    assert diagnosis.failures == ("discriminator too strong", "mode collapse")


def test_losses_that_run_away_are_seen(tmp_path: Path) -> None:
    running = [_critic(2.0 * 1.2**index) for index in range(60)]
    found = _found(_diagnosed(tmp_path / "running", running), "Growth of the losses")
    assert found.state == "bad"
    assert "generator/wasserstein" in found.sentence
    wandering = [_critic(3.0 + 2.5 * math.sin(index / 9)) for index in range(60)]
    assert _found(_diagnosed(tmp_path / "wandering", wandering), "Growth of the losses").state == "fine"


def test_players_that_chase_each_other_are_seen(tmp_path: Path) -> None:
    name = "Steadiness of the generator's loss"
    chasing = [_logistic(1.0, 2.0 + 1.5 * math.sin(index / 2)) for index in range(90)]
    assert _found(_diagnosed(tmp_path / "chasing", chasing), name).state == "bad"
    noise = [_logistic(1.0, 2.0 + 0.4 * math.sin(37.0 * index**2)) for index in range(90)]
    assert _found(_diagnosed(tmp_path / "noise", noise), name).value == 0
    rising = [_logistic(1.0, 1.0 + index / 30) for index in range(90)]
    assert _found(_diagnosed(tmp_path / "rising", rising), name).value == 1


def test_swings_are_counted_by_their_size() -> None:
    waves = [math.sin(index * math.pi / 10) for index in range(100)]  # five periods, the last rise cut short
    assert swings(waves, 0.9) == 10
    assert swings(waves, 1.9) == 9
    assert swings(waves, 2.1) == 0
    assert swings([1.0], 0.5) == 0


@pytest.mark.parametrize(("verdict", "state"), [("distinct", "fine"), ("near", "fine"), ("copies", "bad")])
def test_memorised_images_are_seen_in_either_space(tmp_path: Path, verdict: str, state: str) -> None:
    run = started_run(tmp_path / "run")
    draw(run.root / "neighbours" / "000001000-pixels.png", 8, 8, 0)
    spaces = {"pixels": {"verdict": "distinct", "percentile": 50.0}, "features": {"verdict": verdict}}
    (run.root / "neighbours" / "000001000.json").write_text(json.dumps({"spaces": spaces, "seed": 1}))
    diagnosis = read_account(run).diagnosis
    assert _found(diagnosis, "Memorisation").state == state
    assert ("copies" in diagnosis.verdict) == (state == "bad")


def test_neighbours_without_their_facts_are_not_judged(tmp_path: Path) -> None:
    run = started_run(tmp_path / "run")
    draw(run.root / "neighbours" / "000001000-pixels.png", 8, 8, 0)
    assert _found(read_account(run).diagnosis, "Memorisation").state == "not measured"


@pytest.mark.parametrize(
    ("last", "progress", "slip"), [(20, "fine", "fine"), (25, "fine", "watch"), (99, "watch", "bad")]
)
def test_a_run_that_learns_nothing_or_gets_worse_is_seen(tmp_path: Path, last: float, progress: str, slip: str) -> None:
    values = {0: 100.0, 1000: 20.0, 2000: last}
    diagnosis = _diagnosed(tmp_path, measured=[measurement("swd2k", value, seen, 8) for seen, value in values.items()])
    assert _found(diagnosis, "Progress").state == progress
    assert _found(diagnosis, "Slip from the best").state == slip


@pytest.mark.parametrize(("last", "slip"), [(0.13, "fine"), (0.3, "bad")])
def test_what_may_be_chance_is_no_slip(tmp_path: Path, last: float, slip: str) -> None:
    values = {0: 0.9, 1000: 0.09, 2000: last}
    diagnosis = _diagnosed(tmp_path, measured=[measurement("ndb2k", value, seen, 8) for seen, value in values.items()])
    assert _found(diagnosis, "Slip from the best").state == slip


def test_limits_hold_in_both_directions() -> None:
    assert [Limits(1.0, 2.0).judge(value) for value in (0.9, 1.0, 2.0)] == ["fine", "watch", "bad"]
    assert [Limits(2.0, 1.0).judge(value) for value in (2.1, 2.0, 1.0)] == ["fine", "watch", "bad"]

import itertools

import pytest
from pydantic import ValidationError

from progan.schedule import PRESETS, ConstantConfig, ProgressiveConfig, Schedule, constant, passes, progressive


def _published(**changes: object) -> Schedule:
    return progressive(ProgressiveConfig(resolution=1024, total_kimg=12000, **changes), base_lr=0.001)


def test_fades_start_at_the_published_images_and_training_ends_at_12_million() -> None:
    schedule = _published()
    fades = [stage.start // 1000 for stage in schedule.stages if stage.fading]
    assert fades == [600, 1800, 3000, 4200, 5400, 6600, 7800, 9000]
    assert schedule.stages[-1].start == 9_600_000
    assert schedule.total_images == 12_000_000


def test_the_papers_first_version_with_800_kimg_is_a_setting() -> None:
    schedule = progressive(
        ProgressiveConfig(resolution=1024, fade_kimg=800, stable_kimg=800, total_kimg=19000), base_lr=0.001
    )
    assert schedule.stages[1].start == 800_000
    assert schedule.total_images == 19_000_000


@pytest.mark.parametrize(
    ("images_seen", "resolution", "fade"),
    [
        (0, 4, 1.0),
        (599_999, 4, 1.0),
        (600_000, 8, 0.0),
        (900_000, 8, 0.5),
        (1_200_000, 8, 1.0),
        (11_000_000, 1024, 1.0),
    ],
)
def test_the_phase_is_a_function_of_images_seen(images_seen: int, resolution: int, fade: float) -> None:
    phase = _published()(images_seen)
    assert (phase.resolution, phase.fade) == (resolution, fade)


def test_batch_and_learning_rate_of_the_new_resolution_hold_from_the_start_of_its_fade() -> None:
    schedule = _published(preset=8)
    before, after = schedule(8_999_999), schedule(9_000_000)
    assert (before.resolution, before.batch, before.lr) == (512, 32, 0.003)
    assert (after.resolution, after.batch, after.lr) == (1024, 32, 0.003)
    assert schedule(5_400_000).lr == 0.0015
    assert schedule(0).batch == 512


def test_without_a_word_it_is_the_table_for_one_gpu_and_an_empty_table_of_rates_is_none() -> None:
    last = progressive(ProgressiveConfig(resolution=1024), 0.001).stages[-1]
    assert (last.batch, last.lr, last.end) == (4, 0.0015, 10_200_000)
    assert progressive(ProgressiveConfig(resolution=1024, lr={}), 0.001).stages[-1].lr == 0.001


def test_what_is_due_every_so_many_images_is_due_once_for_each_multiple() -> None:
    assert [passes(before, before + 4, 8) for before in range(0, 24, 4)] == [False, True] * 3


def test_presets_hold_the_published_table() -> None:
    batches = {gpus: [preset.batch[2**power] for power in range(2, 11)] for gpus, preset in PRESETS.items()}
    assert batches == {
        1: [128, 128, 128, 64, 32, 16, 8, 4, 4],
        2: [256, 256, 128, 64, 32, 16, 8, 8, 8],
        4: [512, 256, 128, 64, 32, 16, 16, 16, 16],
        8: [512, 256, 128, 64, 32, 32, 32, 32, 32],
    }
    assert {gpus: preset.lr for gpus, preset in PRESETS.items()} == {
        1: {1024: 0.0015},
        2: {512: 0.0015, 1024: 0.002},
        4: {256: 0.0015, 512: 0.002, 1024: 0.003},
        8: {128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003},
    }


def test_stages_join_without_gap_and_every_stage_has_its_own_index() -> None:
    stages = _published().stages
    assert [stage.index for stage in stages] == list(range(17))
    assert all(one.end == next_one.start for one, next_one in itertools.pairwise(stages))


def test_a_stage_is_entered_by_the_first_round_past_its_border() -> None:
    config = ProgressiveConfig(resolution=16, fade_kimg=0.042, stable_kimg=0.042, batch={4: 20, 8: 20, 16: 16})
    schedule = progressive(config, 0.001)
    seen, entered = 0, {}
    while seen < schedule.total_images:
        phase = schedule(seen)
        entered.setdefault(phase.index, seen)
        seen += phase.batch
        assert schedule.ended(seen).index == phase.index
    assert dict(enumerate(schedule.entries)) == entered
    assert schedule.entries[1] == 60


def test_no_growing_is_a_schedule_of_one_stage() -> None:
    schedule = progressive(ProgressiveConfig(resolution=32, start_resolution=32, stable_kimg=10), 0.001)
    assert [(stage.resolution, stage.fading, stage.end) for stage in schedule.stages] == [(32, False, 10_000)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resolution": 48}, "powers of two"),
        ({"resolution": 8, "start_resolution": 16}, "above resolution"),
        ({"resolution": 8, "stable_kimg": {4: 1}}, "no entry for 8 px"),
        ({"resolution": 8, "total_kimg": 100}, "ends before"),
        ({"resolution": 8, "batch": {4: 16, 12: 16}}, "batch: resolutions are powers of two from 4 to 1024, got 12"),
        ({"resolution": 8, "lr": {6: 0.1}}, "lr: resolutions are powers of two from 4 to 1024, got 6"),
        (
            {"resolution": 16, "fade_kimg": 0.1, "stable_kimg": {4: 1, 8: 0.05, 16: 1}, "batch": {4: 16, 8: 160}},
            "stable_kimg: its 50 images at 8 px are less than a round of the stage before; lengthen it, or lower sched",
        ),
        ({"resolution": 8, "fade_kimg": 0.01, "stable_kimg": 1}, "fade_kimg: its 10 images at 8 px are less"),
    ],
)
def test_impossible_schedules_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ProgressiveConfig(**changes)


def test_a_constant_schedule_is_one_stage_whose_rates_may_go_down_to_nothing_at_the_end() -> None:
    schedule = constant(ConstantConfig(resolution=28, batch=64, total_kimg=10, decay_kimg=4), 0.002)
    assert [(stage.resolution, stage.batch, stage.end) for stage in schedule.stages] == [(28, 64, 10_000)]
    assert [(phase.lr, phase.decay) for phase in map(schedule, (0, 6_000, 8_000, 10_000))] == [
        (0.002, 1.0),
        (0.002, 1.0),
        (0.001, 0.5),
        (0.0, 0.0),
    ]


def test_a_decay_longer_than_the_training_is_refused() -> None:
    with pytest.raises(ValueError, match="decay_kimg 20 is longer than total_kimg 10"):
        ConstantConfig(resolution=28, total_kimg=10, decay_kimg=20)


@pytest.mark.parametrize("until", [0, 16, 960, 992, 1440, 1456, 1920, 1936, 2880, 3840, 4320, 4336, 4800, 6000])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"total_kimg": 8},
        {"stable_kimg": {4: 1.44, 8: 0.96, 16: 0.96}},
        {"stable_kimg": {4: 0.96, 8: 0.96, 16: 1.44}},
        {"fade_kimg": {8: 0.48, 16: 0.96}},
        {"fade_kimg": {8: 0.96, 16: 0.48}},
        {"batch": {4: 16, 8: 8, 16: 16}},
        {"lr": {16: 0.5}},
    ],
)
def test_schedules_agree_as_long_as_they_say_the_same_of_every_round(change: dict[str, object], until: int) -> None:
    lengths = {"fade_kimg": 0.96, "stable_kimg": 0.96}
    settings = {"resolution": 16, "batch": {4: 16, 8: 16, 16: 16}, "lr": {}} | lengths
    one, other = (progressive(ProgressiveConfig(**settings | some), 0.001) for some in ({}, change))
    assert one.agrees(other, until) == _same_rounds(one, other, until)


def test_schedules_agree_until_one_of_them_decays() -> None:
    one, other = (
        constant(ConstantConfig(resolution=28, batch=16, total_kimg=total, decay_kimg=decay), 0.001)
        for total, decay in ((4, 1), (8, 6))
    )
    assert [one.agrees(other, until) for until in (0, 2000, 2016, 3200)] == [True, True, False, False]
    assert [_same_rounds(one, other, until) for until in (0, 2000, 2032, 3200)] == [True, True, False, False]


def _same_rounds(one: Schedule, other: Schedule, until: int) -> bool:
    """By the phases of the rounds, of which each begins where the one before ended."""
    seen = 0
    while seen < until:
        if one(seen) != other(seen):
            return False
        seen += one(seen).batch
    return True

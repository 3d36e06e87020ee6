"""What is seen to be wrong with a training before it begins."""

from pathlib import Path

import pytest

from pipelines.planning.subject import Subject
from pipelines.preflight import check_fit
from progan.config import load
from progan.settings import Config, make_schedule
from progan.types import ConfigError, DataSpec

CONFIGS = Path(__file__).parents[2] / "configs"
VIRTUAL = CONFIGS / "improved" / "virtual-batch-norm.yaml"  # a reference batch of 64


def test_a_reference_batch_larger_than_the_first_batch_is_refused_in_one_line() -> None:
    rule = r"^system\.networks\.reference: 64 images are more than a batch of 32; lower it, or raise schedule\.batch$"
    with pytest.raises(ConfigError, match=rule):
        check_fit(load(Config, VIRTUAL, ["schedule.batch=32"]), None, 1)


def test_a_plan_of_several_processes_shows_them_the_reference_batch_of_all() -> None:
    config = load(Config, VIRTUAL)
    subject = Subject(config, make_schedule(config), DataSpec((28,), 100, (), ""), processes=2)
    assert subject.tally(subject.schedule.stages[0]).flops > 0


def test_what_does_not_depend_on_the_data_is_refused_before_they_are_prepared() -> None:
    config = load(Config, CONFIGS / "conditional" / "conditional-mnist.yaml")
    check_fit(config, None, 1)
    with pytest.raises(ConfigError, match=r"^schedule\.batch: "):
        check_fit(config, None, 7)

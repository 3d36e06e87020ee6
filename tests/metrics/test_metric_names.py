import subprocess
import sys

import pytest

from progan.metrics import METRICS, MetricSpec, describe, known, parse
from progan.types import ConfigError


@pytest.mark.parametrize(
    ("name", "family", "count", "images"),
    [
        ("fid50k", "fid", 50_000, 50_000),
        ("fid1k", "fid", 1_000, 1_000),
        ("swd16k", "swd", 16_384, 16_384),
        ("swd2k", "swd", 2_048, 2_048),
        ("msssim10k", "msssim", 10_000, 20_000),
    ],
)
def test_a_name_states_its_protocol(name: str, family: str, count: int, images: int) -> None:
    spec = parse(name)
    assert (spec, spec.images) == (MetricSpec(family, count, name), images)


@pytest.mark.parametrize(
    "name", ["", "fid", "fid50", "fid0k", "swd-2k", "fiid50k", "fd50k", "fd50k-0123abcd", "FID50k"]
)
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse(name)
    assert known() in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_every_requestable_family_can_be_asked_for_by_its_example() -> None:
    assert METRICS
    for family, row in METRICS.items():
        assert describe(row.example) is row
        if row.requestable:
            assert parse(row.example).family == family


def test_a_result_with_other_weights_is_not_described_as_fid() -> None:
    assert describe("fd10k-0123abcd") is METRICS["fd"]
    assert describe("fid10k") is METRICS["fid"]
    with pytest.raises(ConfigError):
        describe("accuracy")


def test_the_evaluator_is_imported_without_torch_fidelity() -> None:
    check = (
        "import sys, progan.metrics.evaluator; "
        "sys.exit(any(name.partition('.')[0] in ('torch_fidelity', 'torchvision') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

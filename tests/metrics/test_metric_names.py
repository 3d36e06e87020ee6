import subprocess
import sys

import pytest

from progan.metrics import MetricSpec, describe, known, of_all, parse, result_name
from progan.metrics.table import METRICS
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


def test_every_family_can_be_asked_for_by_its_example_and_its_results_are_known() -> None:
    assert METRICS
    for family, row in METRICS.items():
        spec = parse(row.example)
        assert spec.family == family
        for result, meaning in row.results.items():
            assert describe(result_name(spec, result, "")) is meaning
            assert "not comparable" in describe(result_name(spec, result, "0123abcd")).title


def test_a_result_with_other_weights_is_not_called_fid() -> None:
    assert result_name(parse("fid10k"), "fid", "0123abcd") == "fd10k-0123abcd"
    assert result_name(parse("pr10k"), "recall", "faces") == "recall10k-faces"
    assert describe("fid10k") is METRICS["fid"].results["fid"]
    with pytest.raises(ConfigError):
        describe("accuracy")


def test_so_many_generated_can_be_compared_with_another_number_of_real_images() -> None:
    spec = parse("fid50000:30000")
    assert spec == of_all("fid", 50_000, 30_000)
    assert (spec.images, spec.real_images, spec.real_images_and_floor) == (50_000, 30_000, 60_000)
    assert parse("msssim10:15") == of_all("msssim", 20, 30)
    with pytest.raises(ConfigError, match="'swd20:30': swd compares as many real as generated images"):
        parse("swd20:30")
    for name in ("fid0:5", "fid5:", "fid5k:3k"):
        with pytest.raises(ConfigError, match="not a metric"):
            parse(name)


def test_a_comparison_of_whole_sets_is_named_by_both_counts() -> None:
    assert of_all("fid", 5000, 30_001) == MetricSpec("fid", 5000, "fid5000:30001", 30_001)
    pairs = of_all("msssim", 21, 30)
    assert (pairs.name, pairs.images, pairs.real_images) == ("msssim10:15", 20, 30)
    assert of_all("swd", 30, 20) == MetricSpec("swd", 20, "swd20:20", 20)
    assert result_name(of_all("pr", 5, 7), "recall", "") == "recall5:7"
    assert describe("recall5:7") is METRICS["pr"].results["recall"]
    assert "not comparable" in describe("fd5:7-0123abcd").title
    for name in ("fid5", "fid5:", "fid:7"):
        with pytest.raises(ConfigError):
            describe(name)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("fd50k-faces", "Fréchet distance in the features of faces"),
        ("kd50k-0123abcd", "Kernel distance in the features of 0123abcd"),
        ("cs1k-faces", "Classifier score in the features of faces"),
        ("precision50k-faces", "Improved precision in the features of faces"),
        ("recall50k-faces", "Improved recall in the features of faces"),
    ],
)
def test_a_title_with_another_network_names_that_and_not_inception(name: str, title: str) -> None:
    assert describe(name).title == f"{title}, not comparable with published values"


def test_the_evaluator_is_imported_without_torch_fidelity() -> None:
    check = (
        "import sys, progan.metrics.evaluator; "
        "sys.exit(any(name.partition('.')[0] in ('torch_fidelity', 'torchvision') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

"""What is in the way of a metric."""

import re

import pytest

from progan.metrics import parse
from progan.metrics.obstacles import Supply, left_out, of_number, of_resolution, of_shape
from progan.metrics.table import METRICS


@pytest.mark.parametrize("family", METRICS)
@pytest.mark.parametrize("images", [1, 12, 700, 3000])
def test_what_is_asked_for_instead_can_be_measured(family: str, images: int) -> None:
    asked, all_of_them = parse(f"{family}50k"), Supply("a", images)
    obstacle = of_number(asked, all_of_them, all_of_them)
    assert obstacle is not None
    assert obstacle.startswith(f"it takes {asked.images} images and a has {images}; ")
    instead = re.search(r"ask for (.+)", obstacle)
    least = METRICS[family].least * METRICS[family].images_each
    assert (instead is None) == (images < least)
    if instead:
        assert of_number(parse(instead[1]), all_of_them, all_of_them) is None


def test_real_images_are_needed_by_those_that_compare_with_them() -> None:
    few, endless = Supply("few", 10), Supply("a generator", None)
    assert "few has 10" in str(of_number(parse("fid1k"), endless, few))
    assert of_number(parse("is1k"), endless, few) is None
    assert "at least 1000 images on either side" in str(of_number(parse("kid50:5000"), endless, endless))


def test_sizes_are_told_and_a_line_for_each() -> None:
    assert of_shape(parse("fid1k"), 40, 28) is None
    assert of_resolution(parse("fid1k"), 28) is None
    specs = [parse("swd1k"), parse("fid1k"), parse("modes1k")]
    assert left_out({spec: of_resolution(spec, 8) for spec in specs}) == [
        "swd1k: left out: not defined below 16 px, and this is 8 px"
    ]
    assert "it takes squares" in str(of_shape(specs[2], 40, 28))

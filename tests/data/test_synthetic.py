from dataclasses import replace
from statistics import mean

import numpy as np
import pytest

from progan.data.painting.canvas import frame_position
from progan.data.painting.palettes import HAIR_COLOURS
from progan.data.painting.parameters import FaceParameters, Glasses
from progan.data.synthetic import ATTRIBUTES, attributes_of, draw_face, draw_parameters, paint_face
from progan.types import ConfigError


def _halved(image: np.ndarray) -> np.ndarray:
    side = image.shape[0] // 2
    return image.astype(float).reshape(side, 2, side, 2, 3).mean(axis=(1, 3))


def _first(wanted: dict[str, bool], seed: int = 0) -> FaceParameters:
    """The first face of a set that has all of these attribute values."""
    faces = (draw_parameters(seed, index) for index in range(2000))
    return next(face for face in faces if wanted.items() <= attributes_of(face).items())


def _pixel(face: FaceParameters, u: float, v: float, resolution: int) -> tuple[int, int]:
    x, y = frame_position(face.pose, u, v)
    return int((y + 1) * resolution / 2), int((x + 1) * resolution / 2)


def test_the_same_seed_and_index_give_the_same_face_again():
    first, again = draw_face(3, 17, 32), draw_face(3, 17, 32)
    assert np.array_equal(first.image, again.image)
    assert first.attributes == again.attributes


@pytest.mark.parametrize("resolution", [4, 5, 28, 64, 128])
def test_a_face_is_an_opaque_rgb_picture_of_the_asked_size_with_a_value_for_every_attribute(resolution):
    face = draw_face(0, 1, resolution)
    assert face.image.shape == (resolution, resolution, 3)
    assert face.image.dtype == np.uint8
    assert face.image.flags["C_CONTIGUOUS"]
    assert tuple(face.attributes) == ATTRIBUTES


@pytest.mark.parametrize("index", range(4))
def test_a_face_is_the_same_at_every_resolution(index):
    large, small = draw_face(0, index, 128), draw_face(0, index, 64)
    assert large.attributes == small.attributes
    assert np.abs(_halved(large.image) - small.image).mean() < 3
    other = draw_face(0, index + 1, 64).image
    assert np.abs(_halved(large.image) - other).mean() > 15


def test_resolutions_up_to_32_are_exact_averages_of_one_another():
    painted = draw_face(0, 5, 32).image
    assert np.abs(_halved(painted) - draw_face(0, 5, 16).image).max() <= 1


def test_no_two_faces_of_a_set_are_alike_and_seeds_give_other_sets():
    images = np.stack([draw_face(seed, index, 16).image for seed in (0, 1) for index in range(30)]).astype(float)
    apart = np.sqrt(((images[:, None] - images[None]) ** 2).mean(axis=(2, 3, 4)))
    pairs = apart[np.triu_indices(len(images), 1)]
    assert pairs.min() > 10
    assert pairs.mean() > 50


def test_attributes_are_as_frequent_as_a_face_set_needs():
    counts = [attributes_of(draw_parameters(7, index)) for index in range(400)]
    frequency = {name: mean(face[name] for face in counts) for name in ATTRIBUTES}
    expected = {
        "Bald": (0.02, 0.12),
        "Bangs": (0.08, 0.24),
        "Beard": (0.08, 0.22),
        "Black_Hair": (0.28, 0.50),
        "Blond_Hair": (0.07, 0.22),
        "Brown_Hair": (0.18, 0.40),
        "Eyeglasses": (0.12, 0.32),
        "Long_Hair": (0.15, 0.36),
        "Mouth_Open": (0.25, 0.48),
        "Smiling": (0.40, 0.60),
        "Wearing_Hat": (0.05, 0.16),
    }
    wrong = {name: frequency[name] for name, (low, high) in expected.items() if not low <= frequency[name] <= high}
    assert not wrong
    assert min(frequency.values()) > 0.01


def test_hair_colours_exclude_one_another():
    tones = [name for name in ATTRIBUTES if name.endswith("_Hair") and name.split("_")[0].lower() in HAIR_COLOURS]
    assert len(tones) == len(HAIR_COLOURS)
    for index in range(200):
        attributes = attributes_of(draw_parameters(0, index))
        assert sum(attributes[name] for name in tones) == (0 if draw_parameters(0, index).hair is None else 1)


def test_blond_hair_is_lighter_than_black_hair_where_the_hair_is():
    brightness = {}
    for tone in ("Blond_Hair", "Black_Hair"):
        face = _first({tone: True, "Wearing_Hat": False, "Long_Hair": True})
        row, column = _pixel(face, 0.0, -0.66, 64)
        brightness[tone] = paint_face(face, 64)[row - 2 : row + 3, column - 4 : column + 5].mean()
    assert brightness["Black_Hair"] < 80
    assert brightness["Blond_Hair"] > 130


def test_eyeglasses_change_the_region_of_the_eyes_and_nothing_else():
    bare = _first({"Eyeglasses": False, "Long_Hair": False, "Bangs": False})
    worn = replace(bare, glasses=Glasses((0.1, 0.1, 0.1), 0.18, 0.12, 0.5, 0.012, 0.0))
    changed = np.abs(paint_face(bare, 64).astype(int) - paint_face(worn, 64)).max(axis=2) > 0
    rows, columns = np.nonzero(changed)
    top, bottom = _pixel(bare, 0, -0.36, 64)[0], _pixel(bare, 0, 0.30, 64)[0]
    assert changed.sum() > 40
    assert top <= rows.min()
    assert rows.max() <= bottom
    assert columns.max() - columns.min() < 48
    assert attributes_of(worn)["Eyeglasses"]


def test_an_open_mouth_differs_from_the_closed_one_only_at_the_mouth():
    opened = _first({"Mouth_Open": True, "Beard": False, "Long_Hair": False, "Mustache": False})
    closed = replace(opened, mouth=replace(opened.mouth, gap=0.0))
    assert not attributes_of(closed)["Mouth_Open"]
    rows, _ = np.nonzero(np.abs(paint_face(opened, 64).astype(int) - paint_face(closed, 64)).max(axis=2) > 8)
    assert _pixel(opened, 0, 0.28, 64)[0] <= rows.min()
    assert rows.max() <= _pixel(opened, 0, 0.66, 64)[0]


def test_every_face_is_finite_and_within_the_colour_range_before_rounding():
    from progan.data.painting.portrait import paint

    for index in range(40):
        planes = paint(draw_parameters(11, index), 64)
        assert planes.dtype == np.float32
        assert np.isfinite(planes).all()
        assert planes.min() >= 0
        assert planes.max() <= 1.0001


@pytest.mark.parametrize("resolution", [0, 3, 1025, -8])
def test_a_resolution_outside_the_range_is_refused(resolution):
    with pytest.raises(ConfigError, match="resolution"):
        draw_face(0, 0, resolution)


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1)])
def test_a_negative_seed_or_index_is_refused(seed, index):
    with pytest.raises(ConfigError, match="0 or more"):
        draw_face(seed, index, 8)

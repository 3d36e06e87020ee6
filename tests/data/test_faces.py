import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from progan.data.faces import FaceFrame
from progan.data.images import BadImage
from progan.data.sources import Entry, SourceOptions, files
from progan.data.sources.given import Given
from progan.data.sources.landmarks import framed

LONDON = Path(__file__).parents[3] / "shared" / "data" / "london_1350.zip"
CENTRE = 400 + 350j  # of the test face, between the eyes

Points = tuple[complex, complex, complex, complex, complex]  # as the landmarks, at the middles of px counted from 0


def face(eyes: float, down: float, angle: float = 0.0, centre: complex = CENTRE) -> Points:
    """A symmetric face: px between the eyes, px from the eyes to the mouth, turned clockwise by `angle` degrees."""
    turn = np.exp(1j * np.radians(angle))
    upright = (-eyes / 2, eyes / 2, 0.6j * down, -0.4 * eyes + 1j * down, 0.4 * eyes + 1j * down)
    return tuple(complex(centre + turn * point) for point in upright)


def entry(points: Points) -> Entry:
    return Entry("photo", landmarks=tuple(part for point in points for part in (point.real, point.imag)))


def dots(size: tuple[int, int], places: list[complex], radius: float) -> np.ndarray:
    """(H, W) in [0, 1]: soft dots at places whose whole numbers are the middles of px."""
    x, y = np.arange(size[0]), np.arange(size[1])
    bumps = [np.outer(bump(y - place.imag, radius), bump(x - place.real, radius)) for place in places]
    return np.sum(bumps, axis=0)


def bump(distance: np.ndarray, radius: float) -> np.ndarray:
    return np.exp(-((distance / radius) ** 2) / 2)


def centroid(plane: np.ndarray) -> complex:
    """In shares of the width, from the picture's corner."""
    total = plane.sum()
    middles = np.arange(len(plane)) + 0.5
    x, y = (plane.sum(0) * middles).sum() / total, (plane.sum(1) * middles).sum() / total
    return complex(x, y) / len(plane)


def waves(width: int, height: int) -> np.ndarray:
    """A photo-like picture: shading, shapes, some grain."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    grain = np.random.default_rng(0).normal(0, 4, (height, width, 3))
    shapes = [110 + 60 * np.sin(x / 41 + part) + 40 * np.sin(y / 29 + x / 67) for part in range(3)]
    return np.clip(np.stack(shapes, axis=-1) + grain, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("angle", [0, 13, -35, 90, 180])
@pytest.mark.parametrize(("resolution", "eyes", "down"), [(64, 17, 15), (128, 64, 72), (64, 80, 30), (32, 60, 80)])
def test_eyes_and_mouth_land_at_the_canonical_place(resolution: int, eyes: int, down: int, angle: int) -> None:
    points = face(eyes, down, angle)
    side = max(4 * eyes, 3.6 * down)
    red, green, blue = (
        dots((800, 800), places, side / 60) for places in ([points[0]], [points[1]], [points[3], points[4]])
    )
    photo = np.rint(255 * np.stack([red, green, blue], axis=-1)).astype(np.uint8)
    aligned = FaceFrame()(entry(points), photo, resolution)
    assert aligned.shape == (resolution, resolution, 3)
    eye_line, mouth_line = 0.5 - 0.1 * down / side, 0.5 + 0.9 * down / side
    expected = (
        complex(0.5 - eyes / 2 / side, eye_line),
        complex(0.5 + eyes / 2 / side, eye_line),
        0.5 + 1j * mouth_line,
    )
    for channel, place in enumerate(expected):
        assert abs(centroid(aligned[:, :, channel].astype(float)) - place) < 0.002


def test_the_side_is_4_distances_of_the_eyes_or_3_6_of_eyes_and_mouth() -> None:
    assert FaceFrame().side(entry(face(100, 60)), 800, 800) == 400
    assert FaceFrame().side(entry(face(60, 100)), 800, 800) == 360


def places_by_the_recipe(points: Points) -> list[complex]:
    """Where the oriented square of the recipe holds the points, in shares of its side; written out with vectors."""
    left, right, _, *corners = (np.array([point.real + 0.5, point.imag + 0.5]) for point in points)
    e, m, d = (left + right) / 2, (corners[0] + corners[1]) / 2, right - left
    v = m - e
    x = d - np.array([-v[1], v[0]])
    x = x / np.hypot(*x) * max(2 * np.hypot(*d), 1.8 * np.hypot(*v))
    y = np.array([-x[1], x[0]])
    corner, sides = e + 0.1 * v - x - y, np.stack([2 * x, 2 * y], axis=1)
    return [complex(*np.linalg.solve(sides, (p.real + 0.5, p.imag + 0.5) - corner)) for p in points]


def test_a_face_that_is_not_symmetric_lands_where_the_recipe_says() -> None:
    points = (380 + 340j, 465 + 322j, 430 + 380j, 415 + 425j, 480 + 404j)
    for point, place in zip(points, places_by_the_recipe(points), strict=True):
        photo = np.rint(255 * dots((800, 800), [point], 6)).astype(np.uint8)[:, :, None].repeat(3, axis=2)
        aligned = FaceFrame()(entry(points), photo, 128)
        assert abs(centroid(aligned[:, :, 0].astype(float)) - place) < 0.002


@pytest.mark.skipif(not LONDON.exists(), reason="the London set is not here")
def test_the_london_sets_eyes_and_mouths_land_at_the_canonical_place() -> None:
    given = Given(str(LONDON), LONDON)
    source = framed(files.plain(given), given, SourceOptions(crop="face"))
    assert len(source.entries) == 6
    for picture in source.entries:
        photo = source.load(picture).pixels // 2  # leaves room for paint
        points = tuple(complex(*picture.landmarks[place : place + 2]) for place in range(0, 10, 2))
        side = source.frame.side(picture, 1350, 1350)
        # What is painted on the photo is found again in the difference of the aligned pictures.
        groups = ([points[0]], [points[1]], [points[3], points[4]])
        paint = np.stack([dots((1350, 1350), group, side / 60) for group in groups], axis=-1)
        painted = np.rint(photo + 60 * paint).astype(np.uint8)
        plain, marked = (source.frame(picture, pixels, 128).astype(int) for pixels in (photo, painted))
        left, right, mouth = (centroid(np.abs(marked - plain)[:, :, channel]) for channel in range(3))
        expected = places_by_the_recipe(points)
        assert abs(left - expected[0]) < 0.002
        assert abs(right - expected[1]) < 0.002
        assert abs(mouth - (expected[3] + expected[4]) / 2) < 0.002
        # A symmetric face has its eyes level about the middle and its mouth below; real ones come close.
        eyes, down = abs(points[1] - points[0]), abs(points[3] + points[4] - points[0] - points[1]) / 2
        line = 1j * (0.5 - 0.1 * down / side)
        assert abs(left - (0.5 - eyes / 2 / side + line)) < 0.01
        assert abs(right - (0.5 + eyes / 2 / side + line)) < 0.01
        assert abs(mouth - (0.5 + 1j * (0.5 + 0.9 * down / side))) < 0.01


def steps(aligned: np.ndarray) -> np.ndarray:
    """Mean change of brightness from each column to the next."""
    return np.abs(np.diff(aligned.astype(float).mean(axis=2), axis=1)).mean(axis=0)


@pytest.mark.parametrize("turned", [0, 1, 2, 3])
def test_a_square_that_leaves_the_photo_is_padded_without_a_visible_edge(turned: int) -> None:
    photo, points = waves(800, 800), face(64, 60)
    cut = 340  # px: the square begins at 272, so the photo covers three quarters of it
    whole = FaceFrame()(entry(points), photo, 128)
    part, moved = photo[:, cut:], tuple(point - cut for point in points)
    for _ in range(turned):  # so that each edge of the photo is crossed; the aligned picture is the same
        part, moved = np.rot90(part), tuple(complex(p.imag, part.shape[1] - 1 - p.real) for p in moved)
    padded = FaceFrame()(entry(moved), np.ascontiguousarray(part), 128)
    edge = round((cut - 272) / 2)
    black = whole.copy()
    black[:, :edge] = 0
    usual = steps(whole).max()
    assert steps(black).max() > 5 * usual  # the measure sees an edge
    assert steps(padded)[: edge + 20].max() < usual
    assert np.abs(padded[:, edge + 16 :].astype(int) - whole[:, edge + 16 :]).max() <= 2


@pytest.mark.parametrize("height", [120, 320])
def test_outside_the_photo_the_padding_fades_to_its_median_colour(height: int) -> None:
    photo = np.full((height, 800, 3), (40, 90, 200), np.uint8)
    photo[:, :300] = 0  # of the square's 400 px, 100
    aligned = FaceFrame()(entry(face(100, 80, centre=399.5 + 1j * (height / 2 - 8.5))), photo, 64)
    over = (400 - height) / 2
    depth = (over - 400 / 64 / 2) / max(over + 40, 120)  # the recipe's shares of the side, at the outermost row
    assert aligned[32, 8].max() <= 2
    for row in (0, -1):
        assert np.abs(aligned[row, 8].astype(float) - depth * np.array([40, 90, 200])).max() < 6


def test_a_square_that_just_fills_the_photo_is_not_padded() -> None:
    photo, points = waves(800, 800), face(64, 60, centre=399.5 + 399.5j)
    left, top, side = 272, 278, 256
    tight = np.ascontiguousarray(photo[top : top + side, left : left + side])
    moved = entry(tuple(point - left - 1j * top for point in points))
    alone = FaceFrame()(moved, tight, 128).astype(int)
    whole = FaceFrame()(entry(points), photo, 128).astype(int)
    assert np.abs(alone - whole)[1:-1, 1:-1].max() <= 2


@pytest.mark.parametrize("resolution", [4, 28, 64, 100, 256])
def test_any_resolution_up_to_the_side_is_given_exactly(resolution: int) -> None:
    assert FaceFrame()(entry(face(64, 60)), waves(800, 700), resolution).shape == (resolution, resolution, 3)


def test_a_large_photo_and_its_reduced_copy_give_the_same_face() -> None:
    photo, points = waves(800, 800), face(128, 120)
    reduced = np.asarray(Image.fromarray(photo).reduce(4))
    small = tuple((point + 0.5 + 0.5j) / 4 - 0.5 - 0.5j for point in points)
    faces = [FaceFrame()(entry(p), pixels, 64).astype(int) for p, pixels in ((points, photo), (small, reduced))]
    assert np.abs(faces[0] - faces[1]).mean() < 1


def test_a_face_is_never_enlarged() -> None:
    photo, small = waves(400, 400), entry(face(15, 14, centre=200 + 200j))
    assert FaceFrame().side(small, 400, 400) == 60
    with pytest.raises(BadImage, match="too small: the square is 60 px, 64 px are wanted"):
        FaceFrame()(small, photo, 64)


def test_landmarks_of_no_face_are_refused_with_the_reason() -> None:
    photo = np.zeros((800, 800, 3), np.uint8)
    left, right, nose, *mouth = face(64, 60)
    line = (complex(1, 1), complex(3, 3), complex(5, 5), complex(6, 6), complex(8, 8))
    for landmarks, reason in (
        (Entry("photo"), "no landmarks for it"),
        (entry((right, left, nose, *mouth)), "the eyes are swapped or in line"),
        (entry((left,) * 5), "the eyes are swapped or in line"),
        (entry(line), "the eyes are swapped or in line"),
        (entry(face(64, 60, centre=900 + 100j)), "outside the picture of 800x800 px"),
        (entry(face(9000, 60)), r"the face takes \d+ px of a picture of 800x800 px"),
    ):
        with pytest.raises(BadImage, match=reason):
            FaceFrame()(landmarks, photo, 64)


def test_the_face_frame_travels_to_worker_processes() -> None:
    assert pickle.loads(pickle.dumps(FaceFrame())) == FaceFrame()

import pickle

import numpy as np
import pytest

from progan.data.frames import BoxFrame, celeba_square, centre_square, cut
from progan.data.images import Box, pyramid


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_the_crop_of_a_full_size_celeba_face_is_the_official_128_px_square() -> None:
    pixels = noise(218, 178)
    square = cut(pixels, celeba_square(178, 218))
    assert np.array_equal(square, pixels[57:185, 25:153])
    assert np.array_equal(pyramid(square, 128)[128], square)


def test_the_crop_of_a_half_size_celeba_face_is_64_px_and_not_resampled() -> None:
    pixels = noise(109, 89)
    square = cut(pixels, celeba_square(89, 109))
    assert np.array_equal(square, pixels[28:92, 12:76])
    assert np.array_equal(pyramid(square, 64)[64], square)


def test_the_crop_of_a_double_size_celeba_face_is_256_px() -> None:
    box = celeba_square(356, 436)
    assert (box.left, box.top, box.side) == (50, 114, 256)


def test_a_picture_that_is_not_in_celeba_alignment_gets_its_centre_square() -> None:
    assert celeba_square(200, 100) == centre_square(200, 100)
    assert (centre_square(200, 101).left, centre_square(200, 101).side) == (49, 101)


@pytest.mark.parametrize(("width", "height"), [(60, 40), (40, 60), (41, 60), (50, 50)])
def test_a_centre_crop_is_the_middle_of_the_picture_and_never_stretched(width: int, height: int) -> None:
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([rows, columns, rows], axis=-1).astype(np.uint8)
    frame = BoxFrame(centre_square)
    square = frame(None, pixels, 32)
    assert square.shape[0] == square.shape[1] == frame.side(None, width, height) == min(width, height)
    assert (np.diff(square[:, :, 0].astype(int), axis=0) == 1).all()
    assert (np.diff(square[:, :, 1].astype(int), axis=1) == 1).all()
    for axis, length in ((0, height), (1, width)):
        first, last = square[0, 0, axis], square[-1, -1, axis]
        assert abs(int(first) - (length - 1 - int(last))) <= 1


def test_where_a_square_reaches_over_the_edge_the_border_is_repeated() -> None:
    pixels = noise(4, 6)
    square = cut(pixels, Box(left=-2, top=-1, side=10))
    assert np.array_equal(square, np.pad(pixels, ((1, 5), (2, 2), (0, 0)), mode="edge"))


def test_a_frame_travels_to_worker_processes() -> None:
    assert pickle.loads(pickle.dumps(BoxFrame(celeba_square))) == BoxFrame(celeba_square)

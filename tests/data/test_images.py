import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from progan.data.images import BadImage, decode, largest_resolution, levels_of, pyramid
from progan.types import DataError


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def saved(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def in_float(square: np.ndarray, resolution: int) -> dict[int, np.ndarray]:
    """The published definition: averages of floats, rounded only when stored."""
    plane, levels = square.astype(np.float64), {}
    while plane.shape[0] >= 4:
        if plane.shape[0] <= resolution:
            levels[plane.shape[0]] = np.rint(plane).astype(np.uint8)
        if plane.shape[0] % 2:
            break
        plane = (plane[0::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 0::2] + plane[1::2, 1::2]) / 4
    return levels


@pytest.mark.parametrize(
    ("side", "resolution"), [(512, 512), (256, 16), (64, 64), (32, 16), (56, 28), (12, 12), (9, 9)]
)
@pytest.mark.parametrize("bright", [False, True])
def test_every_level_is_bit_for_bit_the_average_of_unrounded_levels(side: int, resolution: int, bright: bool) -> None:
    square = noise(side, side) | (254 if bright else 0)  # near 255, where a sum that is too narrow overflows
    levels, expected = pyramid(square, resolution), in_float(square, resolution)
    assert list(levels) == sorted(expected) == list(levels_of(resolution))
    for size, level in levels.items():
        assert np.array_equal(level, expected[size])
        assert level.dtype == np.uint8


def test_a_white_square_of_4096_px_stays_white_at_every_level() -> None:
    levels = pyramid(np.full((4096, 4096, 3), 255, np.uint8), 4)
    assert (levels[4] == 255).all()


def test_levels_halve_while_they_are_whole_and_at_least_4_px() -> None:
    expected = {4: (4,), 9: (9,), 12: (6, 12), 28: (7, 14, 28), 64: (4, 8, 16, 32, 64)}
    assert {resolution: levels_of(resolution) for resolution in expected} == expected


def test_a_level_differs_from_one_averaged_out_of_rounded_levels() -> None:
    levels = pyramid(noise(64, 64), 64)
    assert not np.array_equal(levels[4], pyramid(levels[8], 8)[4])


def test_a_side_that_is_no_power_of_two_times_the_resolution_is_resized_with_antialiasing() -> None:
    square = noise(100, 100)
    expected = Image.fromarray(square).resize((32, 32), Image.Resampling.LANCZOS)
    assert np.array_equal(pyramid(square, 32)[32], np.asarray(expected))


def test_a_square_smaller_than_the_resolution_is_refused() -> None:
    with pytest.raises(BadImage, match="too small: the square is 31 px, 32 px"):
        pyramid(noise(31, 31), 32)


def test_the_largest_resolution_is_the_power_of_two_that_fits() -> None:
    assert [largest_resolution(side) for side in (4, 7, 8, 128, 205)] == [4, 4, 8, 128, 128]
    with pytest.raises(DataError, match="at least 4 px"):
        largest_resolution(3)


@pytest.mark.parametrize("format", ["PNG", "BMP", "WEBP"])
def test_lossless_formats_decode_to_their_pixels(format: str) -> None:
    pixels = noise(9, 7)
    assert np.array_equal(decode(saved(Image.fromarray(pixels), format, lossless=True)), pixels)


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_jpegs_of_every_mode_decode_to_rgb(mode: str) -> None:
    grey = Image.new("RGB", (8, 6), (120, 120, 120)).convert(mode)
    decoded = decode(saved(grey, "JPEG", quality=95))
    assert decoded.shape == (6, 8, 3)
    assert np.abs(decoded.astype(int) - 120).max() <= 3


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_every_format_is_undone(format: str, orientation: int) -> None:
    upright = noise(4, 6)
    # What a camera stores so that the tag's definition (EXIF 2.3, 4.6.4) shows `upright`.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    assert np.array_equal(decode(saved(image, format, exif=exif, lossless=True)), upright)


def test_damaged_exif_data_do_not_spoil_the_picture() -> None:
    pixels = noise(4, 6)
    assert np.array_equal(decode(saved(Image.fromarray(pixels), exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")), pixels)


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("P", (3, 2), colour) for colour in (0, 1)]
    for frame in frames:
        frame.putpalette([10, 20, 30, 40, 50, 60])
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data).tolist() == [[[10, 20, 30]] * 3] * 2


def test_truncated_files_of_every_format_are_refused() -> None:
    image = Image.fromarray(noise(64, 64))
    for format in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"):
        data = saved(image, format)
        for length in (len(data) // 2, 20):
            with pytest.raises(BadImage, match="not a readable image"):
                decode(data[:length])


def test_the_reason_says_what_is_wrong_and_is_the_same_in_every_run() -> None:
    icon = saved(Image.new("RGB", (16, 16)), "ICO")
    for data, reason in (
        (b"", "the file is empty"),
        (b"<html>not found</html>", "no PNG, JPEG, WEBP, BMP, TIFF or GIF file of a usual kind"),
        (icon, "no PNG, JPEG, WEBP, BMP, TIFF or GIF file of a usual kind"),
        (saved(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"), "floating-point values of unknown range"),
        (saved(Image.fromarray(np.full((4, 4), 10**6, np.int32)), "TIFF"), "32-bit values of unknown range"),
    ):
        with pytest.raises(BadImage, match=f"^not a readable image: .*{reason}"):
            decode(data)


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(BadImage, match="too large: more than 100 million px"):
        decode(bomb)

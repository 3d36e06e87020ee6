import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import avg_pool2d

from progan.data.images import (
    BadImage,
    celeba_square,
    centre_square,
    cut,
    decode,
    decode_png,
    encode_png,
    largest_resolution,
    pyramid,
    to_reals,
)
from progan.types import DataError


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def saved(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


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


@pytest.mark.parametrize("side", [64, 32, 16])
def test_every_level_is_the_average_of_unrounded_levels(side: int) -> None:
    square = noise(side, side)
    plane = torch.from_numpy(square.astype(np.float64)).permute(2, 0, 1)[None]
    for resolution, level in pyramid(square, 16).items():
        expected = avg_pool2d(plane, side // resolution)[0].permute(1, 2, 0).round().to(torch.uint8)
        assert np.array_equal(level, expected.numpy())


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


def test_png_gives_back_the_pixels() -> None:
    pixels = noise(32, 32)
    assert np.array_equal(decode_png(encode_png(pixels), 32), pixels)


def test_any_altered_byte_of_a_png_is_noticed() -> None:
    data = encode_png(noise(8, 8))
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1
        with pytest.raises(BadImage):
            decode_png(bytes(damaged), 8)


def test_a_png_of_another_size_or_mode_is_refused() -> None:
    with pytest.raises(BadImage, match="16x16"):
        decode_png(encode_png(noise(16, 16)), 8)
    with pytest.raises(BadImage, match="is L"):
        decode_png(saved(Image.new("L", (8, 8))), 8)


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


def test_a_transparent_picture_lies_on_white() -> None:
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    assert decode(saved(image)).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_a_palette_with_a_transparent_colour_lies_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    assert decode(saved(image)).tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert decode(saved(image, transparency=0)).tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_16_bit_grey_is_scaled_and_not_clipped() -> None:
    image = Image.fromarray(np.array([[0, 257, 32896, 65535]], np.uint16))
    assert decode(saved(image))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_a_picture_is_turned_upright_by_its_exif_orientation() -> None:
    pixels = noise(4, 6)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    assert np.array_equal(decode(saved(Image.fromarray(pixels), exif=exif)), np.rot90(pixels, -1))


def test_a_truncated_file_and_a_text_are_no_images() -> None:
    data = saved(Image.fromarray(noise(64, 64)), "JPEG")
    for bad in (data[: len(data) // 2], b"<html>not found</html>", b"", saved(Image.new("L", (4, 4)), "GIF")):
        with pytest.raises(BadImage, match="not a readable image"):
            decode(bad)


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(BadImage, match="pixels"):
        decode(bomb)


def test_reals_span_minus_one_to_one() -> None:
    images = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    reals = to_reals(images, mirror=None, fade=1.0)
    assert reals.dtype == torch.float32
    assert reals[0].eq(-1).all()
    assert reals[1].eq(1).all()


def test_only_the_marked_images_are_mirrored() -> None:
    images = torch.from_numpy(np.stack([noise(4, 4, 1), noise(4, 4, 2)])).permute(0, 3, 1, 2)
    plain = to_reals(images, None, 1.0)
    mirrored = to_reals(images, torch.tensor([False, True]), 1.0)
    assert torch.equal(mirrored[0], plain[0])
    assert torch.equal(mirrored[1], plain[1].flip(-1))


def test_a_fading_real_is_lerped_with_its_coarse_version() -> None:
    images = torch.tensor([[0, 51], [102, 255]], dtype=torch.uint8).expand(1, 3, 2, 2)
    fine = torch.tensor([[-1.0, -0.6], [-0.2, 1.0]]).expand(1, 3, 2, 2)
    coarse = torch.full((1, 3, 2, 2), -0.2)  # the mean of the four
    torch.testing.assert_close(to_reals(images, None, 1.0), fine)
    torch.testing.assert_close(to_reals(images, None, 0.0), coarse)
    torch.testing.assert_close(to_reals(images, None, 0.5), (fine + coarse) / 2)

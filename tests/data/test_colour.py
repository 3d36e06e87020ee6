import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from progan.data.images import decode

RED, GREEN, BLUE = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)  # sRGB in D50 XYZ
WHITE = (0.9642, 1.0, 0.8249)
LINEAR = struct.pack(">4sII", b"curv", 0, 0)


def saved(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def profile(space: bytes, kind: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A small ICC profile of version 2 (ICC.1:2001-04)."""
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data
    header = struct.pack(
        ">I4sI4s4s4s12s4s", start + len(body), bytes(4), 0x02100000, kind, space, pcs, bytes(12), b"acsp"
    )
    header += bytes(28) + struct.pack(">3i", *(round(part * 65536) for part in WHITE))
    return header.ljust(128, b"\0") + table + body


def xyz(*values: float) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *(round(value * 65536) for value in values))


def gamma(power: float) -> bytes:
    return struct.pack(">4sIIH", b"curv", 0, 1, round(power * 256))


def matrix_profile(red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...], curve: bytes) -> bytes:
    primaries = {b"rXYZ": xyz(*red), b"gXYZ": xyz(*green), b"bXYZ": xyz(*blue), b"wtpt": xyz(*WHITE)}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return profile(b"RGB ", b"mntr", b"XYZ ", primaries | curves)


def ink_profile() -> bytes:
    """CMYK of which cyan ink alone gives L*a*b* 50, 0, 0 (a grey), and any other ink black."""
    lab = [(50, 128, 128) if ink == 8 else (0, 128, 128) for ink in range(16)]  # the first ink varies slowest
    lab[0] = (100, 128, 128)
    table = struct.pack(">4sI4B", b"mft1", 0, 4, 3, 2, 0)
    table += struct.pack(">9i", *(65536 if place % 4 == 0 else 0 for place in range(9)))
    table += bytes(range(256)) * 4
    table += bytes(value for point in lab for value in (round(point[0] * 2.55), *point[1:]))
    return profile(b"CMYK", b"prtr", b"Lab ", {b"A2B0": table + bytes(range(256)) * 3, b"wtpt": xyz(*WHITE)})


SWAPPED = matrix_profile(GREEN, RED, BLUE, gamma(2.2))  # red and green exchanged
GREY_LINEAR = profile(b"GRAY", b"mntr", b"XYZ ", {b"kTRC": LINEAR, b"wtpt": xyz(*WHITE)})
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_a_profile_is_converted_to_srgb(format: str) -> None:
    image = Image.new("RGB", (16, 16), (255, 0, 0))
    decoded = decode(saved(image, format, icc_profile=SWAPPED, lossless=True))
    assert np.abs(decoded.astype(int) - (0, 255, 0)).max() <= 2


def test_the_curve_of_a_profile_is_converted() -> None:
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    linear = decode(saved(Image.fromarray(ramp), icc_profile=matrix_profile(RED, GREEN, BLUE, LINEAR)))
    light = ramp / 255  # IEC 61966-2-1
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(linear - expected).max() <= 2


@pytest.mark.parametrize("transparent", [False, True])
def test_the_profile_of_a_grey_picture_is_converted(transparent: bool) -> None:
    image = Image.new("LA" if transparent else "L", (4, 4), (55, 255) if transparent else 55)  # 0.216 of the light
    assert np.abs(decode(saved(image, icc_profile=GREY_LINEAR)).astype(int) - 128).max() <= 1


def test_a_grey_copy_of_a_picture_may_keep_its_colour_profile() -> None:
    linear = matrix_profile(RED, GREEN, BLUE, LINEAR)
    assert np.abs(decode(saved(Image.new("L", (4, 4), 55), "JPEG", icc_profile=linear)).astype(int) - 128).max() <= 1


def test_the_colours_of_a_transparent_picture_and_of_a_palette_are_converted() -> None:
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    image.putpixel((1, 0), (255, 0, 0, 0))
    assert np.abs(decode(saved(image, icc_profile=SWAPPED)).astype(int) - [[(0, 255, 0), (255, 255, 255)]]).max() <= 2
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0])
    assert np.abs(decode(saved(palette, icc_profile=SWAPPED)).astype(int) - (0, 255, 0)).max() <= 2


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_inks_are_converted_by_their_profile(format: str) -> None:
    shades = {(0, 0, 0, 0): 255, (255, 0, 0, 0): 119, (0, 0, 0, 255): 0}  # L* 100, 50, 0 in sRGB
    for inks, grey in shades.items():
        image = Image.new("CMYK", (16, 16), inks)
        decoded = decode(saved(image, format, icc_profile=ink_profile())).astype(int)
        assert np.abs(decoded - grey).max() <= 3


def test_inks_without_a_profile_are_subtracted_from_white() -> None:
    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    for format in ("JPEG", "TIFF"):  # in a JPEG they are stored inverted, as Adobe does
        assert np.abs(decode(saved(image, format)).astype(int) - (0, 255, 255)).max() <= 2


def test_srgb_of_any_maker_changes_nothing() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    value = np.arange(1024) / 1023
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    curve = struct.pack(">4sII", b"curv", 0, 1024) + np.rint(65535 * light).astype(">u2").tobytes()
    for icc_profile in (SRGB, matrix_profile(RED, GREEN, BLUE, curve)):
        assert np.array_equal(decode(saved(Image.fromarray(pixels), icc_profile=icc_profile)), pixels)


@pytest.mark.parametrize("broken", [b"no profile", SWAPPED[:200], GREY_LINEAR, ink_profile()])
def test_a_profile_that_is_broken_or_of_other_colours_is_left_out_of_account(broken: bytes) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    assert np.array_equal(decode(saved(Image.fromarray(pixels), icc_profile=broken)), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_pngs_of_every_mode_decode_to_rgb(mode: str) -> None:
    white = Image.new("RGB", (5, 3), "white").convert(mode)
    assert decode(saved(white)).shape == (3, 5, 3)
    assert (decode(saved(white)) == 255).all()


def test_a_ycbcr_tiff_decodes_to_rgb() -> None:
    image = Image.new("RGB", (16, 16), (200, 100, 50))
    assert np.abs(decode(saved(image.convert("YCbCr"), "TIFF")).astype(int) - (200, 100, 50)).max() <= 2


def half_transparent(mode: str, colour: tuple[int, ...]) -> Image.Image:
    return Image.new(mode, (2, 2), (*colour, 51))


@pytest.mark.parametrize("image", [half_transparent("RGBA", (0, 0, 0)), half_transparent("LA", (0,))])
def test_what_is_half_transparent_is_mixed_with_white(image: Image.Image) -> None:
    assert (decode(saved(image)) == 204).all()


@pytest.mark.parametrize(("mode", "clear", "other"), [("1", 0, 1), ("L", 7, 99), ("RGB", (1, 2, 3), (9, 8, 7))])
def test_a_transparent_colour_lies_on_white(mode: str, clear: int, other: int) -> None:
    image = Image.new(mode, (2, 1), clear)
    image.putpixel((1, 0), other)
    expected = image.convert("RGB").getpixel((1, 0))
    assert decode(saved(image, transparency=clear)).tolist() == [[[255, 255, 255], list(expected)]]


def png_16(colour: int, values: np.ndarray, extra: bytes = b"") -> bytes:
    """A 16-bit PNG. values: (H, W, channels)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
    clear = chunk(b"tRNS", extra) if extra else b""
    return b"\x89PNG\r\n\x1a\n" + header + clear + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_pngs_of_every_kind_are_scaled(colour: int, channels: int) -> None:
    values = np.full((2, 2, channels), 65535)
    values[..., : channels - (channels % 2 == 0)] = 0x8080
    assert (decode(png_16(colour, values)) == 0x80).all()


def test_a_transparent_16_bit_grey_lies_on_white() -> None:
    decoded = decode(png_16(0, np.array([[[1], [257]]]), extra=struct.pack(">H", 1)))
    assert decoded[0, :, 0].tolist() == [255, 1]


def test_16_bit_tiffs_of_either_byte_order_are_scaled() -> None:
    for kind in ("<u2", ">u2"):
        image = Image.fromarray(np.array([[0, 257, 65535]], kind))
        assert decode(saved(image, "TIFF"))[0, :, 0].tolist() == [0, 1, 255]


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

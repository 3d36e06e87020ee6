import io

import numpy as np
import pytest
from PIL import Image

from progan.data.codec import decode_into, encode, extension, raw_header, require_encoding
from progan.data.images import BadImage
from progan.types import ConfigError

ENCODINGS = ("raw", "png", "webp", "jpeg95")


def noise(side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def smooth(side: int) -> np.ndarray:
    """Slow waves, as in photographs: JPEG is made for these."""
    waves = np.arange(side)[:, None, None] / 9 + np.arange(side)[None, :, None] / 13 + np.arange(3)
    return np.rint(127.5 + 100 * np.sin(waves)).astype(np.uint8)


def decoded(data: bytes, encoding: str, side: int) -> np.ndarray:
    out = np.zeros((side, side, 3), np.uint8)
    decode_into(out, data, encoding)
    return out


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("encoding", ["raw", "png", "webp"])
@pytest.mark.parametrize("side", [4, 7, 64, 200])
def test_lossless_encodings_give_back_the_pixels(encoding: str, side: int) -> None:
    for pixels in (noise(side), smooth(side), np.full((side, side, 3), 255, np.uint8)):
        assert np.array_equal(decoded(encode(pixels, encoding), encoding, side), pixels)


def test_jpeg_of_high_quality_comes_close() -> None:
    pixels = smooth(64)
    coarse, fine = (decoded(encode(pixels, name), name, 64).astype(int) - pixels for name in ("jpeg50", "jpeg95"))
    assert np.abs(fine).max() <= 8
    assert np.abs(fine).mean() < 1
    assert np.abs(fine).mean() < np.abs(coarse).mean()


def test_jpeg_keeps_colour_at_full_resolution() -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = (255, 0, 0)  # red and blue columns of the same brightness
    stripes[:, 1::2] = (0, 60, 255)
    assert np.abs(decoded(encode(stripes, "jpeg95"), "jpeg95", 32).astype(int) - stripes).mean() < 10


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_same_pixels_give_the_same_bytes(encoding: str) -> None:
    assert encode(smooth(32), encoding) == encode(smooth(32), encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_view_of_a_larger_picture_is_encoded_as_its_copy(encoding: str) -> None:
    view = smooth(64)[5:37, 9:41]
    assert encode(view, encoding) == encode(view.copy(), encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_sample_is_decoded_into_part_of_a_batch(encoding: str) -> None:
    batch = np.zeros((3, 16, 16, 3), np.uint8)
    decode_into(batch[1], encode(smooth(16), encoding), encoding)
    assert np.array_equal(batch[1], decoded(encode(smooth(16), encoding), encoding, 16))
    assert not batch[[0, 2]].any()


def test_a_raw_sample_is_an_npy_file() -> None:
    pixels = noise(16)
    data = encode(pixels, "raw")
    assert np.array_equal(np.load(io.BytesIO(data)), pixels)
    assert data == raw_header(16) + pixels.tobytes()


@pytest.mark.parametrize(("encoding", "format"), [("png", "PNG"), ("webp", "WEBP"), ("jpeg95", "JPEG")])
def test_a_coded_sample_is_an_ordinary_file(encoding: str, format: str) -> None:
    with Image.open(io.BytesIO(encode(smooth(16), encoding))) as image:
        image.load()
        assert (image.format, image.mode, image.size) == (format, "RGB", (16, 16))
        assert np.abs(np.asarray(image).astype(int) - smooth(16)).max() <= (8 if format == "JPEG" else 0)


def test_extensions_are_those_that_webdataset_readers_decode_by() -> None:
    assert [extension(name) for name in ENCODINGS] == ["npy", "png", "webp", "jpg"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_sample_of_another_size_is_refused(encoding: str) -> None:
    with pytest.raises(BadImage, match="8x8"):
        decoded(encode(smooth(16), encoding), encoding, 8)


@pytest.mark.parametrize(("encoding", "format"), [("png", "PNG"), ("jpeg95", "JPEG")])
def test_a_sample_of_another_mode_is_refused(encoding: str, format: str) -> None:
    with pytest.raises(BadImage, match="of RGB 8x8"):
        decoded(saved(Image.new("L", (8, 8)), format), encoding, 8)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_truncated_empty_or_alien_sample_is_refused(encoding: str) -> None:
    data = encode(smooth(32), encoding)
    for damaged in (data[:-40], data[:20], b"", data[1:], b"<html>"):
        with pytest.raises(BadImage):
            decoded(damaged, encoding, 32)


def test_a_sample_of_another_encoding_is_refused() -> None:
    for encoding, other in zip(ENCODINGS, ENCODINGS[1:] + ENCODINGS[:1], strict=True):
        with pytest.raises(BadImage):
            decoded(encode(smooth(16), encoding), other, 16)


def test_a_raw_sample_with_another_header_is_refused() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.asfortranarray(noise(16)))
    with pytest.raises(BadImage, match="not a raw sample of 16x16"):
        decoded(buffer.getvalue(), "raw", 16)


@pytest.mark.parametrize("name", ["raw", "png", "webp", "jpeg1", "jpeg95", "jpeg100"])
def test_the_encodings_are_known_by_name(name: str) -> None:
    assert require_encoding(name) == name


@pytest.mark.parametrize("name", ["", "jpg95", "jpeg", "jpeg0", "jpeg101", "png9", "raw1", "RAW", "webp ", "gif"])
def test_any_other_name_is_refused_with_the_choice(name: str) -> None:
    with pytest.raises(ConfigError, match="choose raw, png, webp or jpeg with a quality of 1 to 100, as jpeg95"):
        require_encoding(name)

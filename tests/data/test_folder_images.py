import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from progan.data.folder_images import FolderImages
from progan.types import DataError

SIZE = (12, 8)  # width, height


def silent(done: int, total: int) -> None:
    pass


@pytest.fixture
def mixed_folder(tmp_path: Path) -> Path:
    """Pictures of many modes and kinds, one of them below another folder."""
    root = tmp_path / "mixed"
    (root / "below").mkdir(parents=True)
    draws = np.random.default_rng(0)

    def noise(channels: int) -> Image.Image:
        return Image.fromarray(draws.integers(0, 256, (SIZE[1], SIZE[0], channels), np.uint8).squeeze())

    turned = Image.Exif()
    turned[0x0112] = 6
    noise(3).save(root / "b.jpg", exif=turned)
    noise(4).save(root / "a.png")
    noise(1).save(root / "below" / "c.png")
    noise(3).quantize(16).save(root / "d.gif")
    (root / "notes.txt").write_text("no picture")
    return root


def test_pixels_are_those_of_pillows_convert_in_the_order_of_the_names(mixed_folder: Path) -> None:
    paths = [mixed_folder / name for name in ("a.png", "b.jpg", "below/c.png", "d.gif")]
    expected = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    folder = FolderImages(mixed_folder, threads=2)
    assert (folder.count, folder.size) == (4, SIZE)
    assert np.array_equal(folder.images(0, 4).permute(0, 2, 3, 1), expected)
    assert np.array_equal(folder.images(1, 2).permute(0, 2, 3, 1), expected[1:3])


def test_a_zip_has_the_images_and_the_fingerprint_of_the_folder(mixed_folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mixed.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in mixed_folder.rglob("*.*"):
            archive.write(path, path.relative_to(mixed_folder))
    folder, packed = FolderImages(mixed_folder, 2), FolderImages(tmp_path / "mixed.zip", 2)
    assert packed.images(0, 4).equal(folder.images(0, 4))
    assert packed.fingerprint(silent) == folder.fingerprint(silent)


def test_another_name_or_another_content_makes_another_fingerprint(
    write_pictures: Callable[..., Path], tmp_path: Path
) -> None:
    def fingerprint() -> str:
        return FolderImages(root, threads=2).fingerprint(silent)

    root = write_pictures(tmp_path / "pictures", 3)
    prints = [fingerprint()]
    (root / "001.png").rename(root / "0010.png")
    prints.append(fingerprint())
    write_pictures(root, 1, first=2, suffix="png")
    assert fingerprint() == prints[-1]
    Image.new("RGB", (16, 16)).save(root / "002.png")
    prints.append(fingerprint())
    assert len(set(prints)) == 3


def test_the_shuffled_order_is_always_the_same_permutation_however_it_is_cut(
    write_pictures: Callable[..., Path], tmp_path: Path
) -> None:
    root = write_pictures(tmp_path / "pictures", 20)
    folder, again = FolderImages(root, threads=2), FolderImages(root, threads=2)
    by_name, shuffled = folder.images(0, 20), folder.shuffled(0, 20)
    rows = [int((by_name == image).flatten(1).all(1).nonzero()) for image in shuffled]
    assert sorted(rows) == list(range(20))
    assert rows != sorted(rows)
    assert torch.cat([again.shuffled(0, 3), again.shuffled(3, 17)]).equal(shuffled)


def test_the_first_picture_of_another_size_is_named(write_pictures: Callable[..., Path], tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "pictures", 3)
    write_pictures(root, 2, size=(16, 8), first=3)
    with pytest.raises(DataError, match=r"pictures: 003.png has 16x8 px, but 000.png has 16x16 px; .*progan prepare"):
        FolderImages(root, threads=2).fingerprint(silent)


def test_a_picture_that_cannot_be_read_is_named(write_pictures: Callable[..., Path], tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "pictures", 3)
    data = (root / "001.png").read_bytes()
    (root / "001.png").write_bytes(data[: len(data) // 2])
    folder = FolderImages(root, threads=2)
    with pytest.raises(DataError, match=r"pictures: 001.png: not a readable image: .*; replace it or take it out"):
        folder.images(0, 3)
    (root / "002.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"pictures: 002.png: not a readable image: the file is empty; replace"):
        folder.fingerprint(silent)


def test_what_holds_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image in it"):
        FolderImages(tmp_path, threads=1)
    (tmp_path / "file").write_bytes(b"text")
    with pytest.raises(DataError, match="neither a folder nor a zip"):
        FolderImages(tmp_path / "file", threads=1)

import os
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from progan.data.images import BadImage, pyramid
from progan.data.sources import SourceOptions, first_side, open_source
from progan.types import ConfigError, DataError

REAL = Path(__file__).parents[3] / "shared" / "data" / "celeba"

ATTRIBUTES = (
    "7\r\nMale   Smiling Young \r\n000.jpg -1  1 -1\r\n001.jpg  1 -1  1\r\n002.jpg -1  1  1\r\n\r\n003.jpg -1 -1 -1"
)
PARTITIONS = "000.jpg 0\n001.jpg   1\n002.jpg 2\n003.jpg 0"

Writer = Callable[..., Path]


def names(source: object) -> list[str]:
    return [entry.name for entry in source.entries]  # type: ignore[attr-defined]


def labels(source: object) -> list[int]:
    return [entry.label for entry in source.entries]  # type: ignore[attr-defined]


@pytest.fixture
def celeba(tmp_path: Path, write_pictures: Writer) -> Path:
    root = tmp_path / "celeba"
    write_pictures(root / "img_align_celeba", 4, (178, 218), "jpg")
    (root / "list_attr_celeba.txt").write_text(ATTRIBUTES, newline="")
    (root / "list_eval_partition.txt").write_text(PARTITIONS, newline="")
    return root


def zipped(folder: Path, archive: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(archive, "w", compression) as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder.parent))
    return archive


def test_a_folder_gives_its_pictures_sorted_by_relative_path(tmp_path: Path, write_pictures: Writer) -> None:
    write_pictures(tmp_path / "b", 2)
    write_pictures(tmp_path / "a", 1, suffix="webp")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "b" / "._000.png").write_text("no picture either")
    source = open_source(str(tmp_path))
    assert names(source) == ["a/000.webp", "b/000.png", "b/001.png"]
    assert labels(source) == [-1, -1, -1]
    assert source.classes == ()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_gives_the_same_pictures_as_its_folder(tmp_path: Path, write_pictures: Writer, compression: int) -> None:
    folder = write_pictures(tmp_path / "raw", 3)
    source, archive = open_source(str(folder)), open_source(str(zipped(folder, tmp_path / "raw.zip", compression)))
    assert names(archive) == [f"raw/{name}" for name in names(source)]
    for one, other in zip(source.entries, archive.entries, strict=True):
        assert np.array_equal(source.load(one).pixels, archive.load(other).pixels)


def test_an_altered_byte_in_a_zip_makes_a_bad_image(tmp_path: Path, write_pictures: Writer) -> None:
    archive = zipped(write_pictures(tmp_path / "raw", 1), tmp_path / "raw.zip", zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    data[200] ^= 1
    archive.write_bytes(data)
    source = open_source(str(archive))
    with pytest.raises(BadImage, match="damaged in the zip"):
        source.load(source.entries[0])


def test_folders_are_classes(tmp_path: Path, write_pictures: Writer) -> None:
    write_pictures(tmp_path / "raw" / "cats" / "tabby", 1)
    write_pictures(tmp_path / "raw" / "dogs", 2)
    source = open_source(str(tmp_path / "raw"), SourceOptions(label="folder"))
    assert source.classes == ("cats", "dogs")
    assert labels(source) == [0, 1, 1]


def test_a_folder_that_wraps_all_classes_of_a_zip_is_no_class(tmp_path: Path, write_pictures: Writer) -> None:
    for name in ("cats", "dogs"):
        write_pictures(tmp_path / "train" / name, 1)
    source = open_source(str(zipped(tmp_path / "train", tmp_path / "train.zip")), SourceOptions(label="folder"))
    assert source.classes == ("cats", "dogs")
    assert labels(source) == [0, 1]


def test_a_picture_in_no_class_folder_is_named(tmp_path: Path, write_pictures: Writer) -> None:
    write_pictures(tmp_path / "cats", 1)
    write_pictures(tmp_path, 1)
    with pytest.raises(DataError, match=r"000\.png lies in no class folder"):
        open_source(str(tmp_path), SourceOptions(label="folder"))


def test_plain_pictures_have_no_attributes_and_no_parts(tmp_path: Path, write_pictures: Writer) -> None:
    write_pictures(tmp_path, 1)
    with pytest.raises(DataError, match="plain images have no attributes"):
        open_source(str(tmp_path), SourceOptions(label="Smiling"))
    with pytest.raises(DataError, match="it is not divided; leave it at 'all'"):
        open_source(str(tmp_path), SourceOptions(partition="train"))


@pytest.mark.parametrize("given", [".", "img_align_celeba", "img_align_celeba.zip"])
def test_celeba_is_known_by_its_root_its_folder_and_its_zip(celeba: Path, given: str) -> None:
    zipped(celeba / "img_align_celeba", celeba / "img_align_celeba.zip")
    source = open_source(str(celeba / given), SourceOptions(label="Smiling"))
    assert labels(source) == [1, 0, 1, 0]
    assert source.classes == ("not Smiling", "Smiling")
    assert first_side(source) == 128


def test_a_renamed_zip_of_celeba_is_still_celeba(celeba: Path) -> None:
    archive = zipped(celeba / "img_align_celeba", celeba / "faces.zip")
    assert labels(open_source(str(archive), SourceOptions(label="Male"))) == [0, 1, 0, 0]


def test_the_folders_of_the_official_download_are_searched(tmp_path: Path, celeba: Path) -> None:
    for name, part in (
        ("img_align_celeba", "Img"),
        ("list_attr_celeba.txt", "Anno"),
        ("list_eval_partition.txt", "Eval"),
    ):
        (tmp_path / "CelebA" / part).mkdir(parents=True)
        (celeba / name).rename(tmp_path / "CelebA" / part / name)
    source = open_source(str(tmp_path / "CelebA"), SourceOptions(label="Young", partition="train"))
    assert labels(source) == [0, 0]


def test_a_part_of_celeba_without_one_of_the_images_is_told(celeba: Path) -> None:
    (celeba / "list_eval_partition.txt").write_text("000.jpg 0\n001.jpg 0\n002.jpg 0\n003.jpg 0\n")
    with pytest.raises(DataError, match="celeba: partition 'test': none of the 4 images is in it; choose another"):
        open_source(str(celeba), SourceOptions(partition="test"))


@pytest.mark.parametrize(("partition", "expected"), [("all", "0123"), ("train", "03"), ("val", "1"), ("test", "2")])
def test_celeba_is_divided_by_its_official_parts(celeba: Path, partition: str, expected: str) -> None:
    assert names(open_source(str(celeba), SourceOptions(partition=partition))) == [
        f"00{number}.jpg" for number in expected
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("count", ["4", "202599", ""])
def test_line_ends_and_wrong_header_counts_do_not_matter(celeba: Path, end: str, count: str) -> None:
    rows = ATTRIBUTES.split("\r\n")[1:]
    (celeba / "list_attr_celeba.txt").write_text(end.join([count, *rows]), newline="")
    assert labels(open_source(str(celeba), SourceOptions(label="Young"))) == [0, 1, 1, 0]


def test_an_unknown_attribute_is_answered_with_the_nearest(celeba: Path) -> None:
    with pytest.raises(DataError, match="no attribute 'smilng'; nearest: Smiling"):
        open_source(str(celeba), SourceOptions(label="smilng"))
    with pytest.raises(DataError, match="known: Male, Smiling, Young"):
        open_source(str(celeba), SourceOptions(label="xyzzy"))


def test_a_short_row_and_a_missing_row_are_named(celeba: Path) -> None:
    (celeba / "list_attr_celeba.txt").write_text(ATTRIBUTES.replace("001.jpg  1 -1  1", "001.jpg  1"))
    with pytest.raises(DataError, match="line 4 has 2 columns, not 4"):
        open_source(str(celeba), SourceOptions(label="Male"))
    (celeba / "list_attr_celeba.txt").write_text(ATTRIBUTES.replace("001.jpg", "999.jpg"))
    with pytest.raises(DataError, match=r"no row for 001\.jpg"):
        open_source(str(celeba), SourceOptions(label="Male"))


def test_labels_without_their_file_are_refused(celeba: Path) -> None:
    (celeba / "list_attr_celeba.txt").unlink()
    with pytest.raises(DataError, match=r"no list_attr_celeba\.txt or \.csv beside it"):
        open_source(str(celeba), SourceOptions(label="Male"))
    assert len(open_source(str(celeba)).entries) == 4


def test_wrong_paths_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        open_source(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"no image in it; looked for CelebA .*MNIST .*parquet .*images \(\.png"):
        open_source(str(tmp_path))
    (tmp_path / "notes.txt").write_text("no zip")
    with pytest.raises(DataError, match="neither a folder nor a zip"):
        open_source(str(tmp_path / "notes.txt"))
    with pytest.raises(DataError, match="not divided"):
        open_source("synthetic", SourceOptions(32, 1, partition="train"))


def test_pictures_behind_links_are_found_once_and_a_loop_ends(tmp_path: Path, write_pictures: Writer) -> None:
    write_pictures(tmp_path / "elsewhere", 2)
    (tmp_path / "raw" / "b").mkdir(parents=True)
    (tmp_path / "raw" / "a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "raw" / "b" / "loop").symlink_to(tmp_path / "raw")
    (tmp_path / "raw" / "b" / "again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "raw" / "b" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    source = open_source(str(tmp_path / "raw"))
    assert names(source) == ["a/000.png", "a/001.png", "b/gone.png"]
    with pytest.raises(BadImage, match="cannot be read"):
        source.load(source.entries[2])


def test_a_damaged_zip_is_named(tmp_path: Path, write_pictures: Writer) -> None:
    archive = zipped(write_pictures(tmp_path / "raw", 3), tmp_path / "raw.zip")
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-30])
    with pytest.raises(DataError, match="its end is missing"):
        open_source(str(archive))
    archive.write_bytes(whole.replace(b"PK\1\2", b"PK\1\1"))
    with pytest.raises(DataError, match=r"raw\.zip: not a readable zip"):
        open_source(str(archive))


def test_an_encrypted_zip_is_refused(tmp_path: Path, write_pictures: Writer) -> None:
    archive = zipped(write_pictures(tmp_path / "raw", 1), tmp_path / "raw.zip")
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(DataError, match=r"raw/000\.png is encrypted"):
        open_source(str(archive))


def test_a_member_that_unpacks_without_end_is_a_bad_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("progan.data.sources.zips._MAX_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(10**6))
    source = open_source(str(tmp_path / "bomb.zip"))
    with pytest.raises(BadImage, match="too large"):
        source.load(source.entries[0])


def test_entries_are_light(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(2000):
            archive.writestr(f"{number // 1000:05d}/img{number:08d}.png", str(number))
    tracemalloc.start()
    source = open_source(str(tmp_path / "many.zip"), SourceOptions(label="folder"))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(source.entries) == 2000
    assert held < 2000 * 600  # bytes: 120 MB for 200,000


def test_the_crop_is_the_centre_square_for_any_source_that_is_asked(tmp_path: Path, write_pictures: Writer) -> None:
    write_pictures(tmp_path / "img_align_celeba", 1, (178, 218))
    usual, centred = (open_source(str(tmp_path), SourceOptions(crop=crop)) for crop in ("auto", "centre"))
    assert (first_side(usual), first_side(centred)) == (128, 178)
    assert usual.identity != centred.identity
    plain = open_source(str(write_pictures(tmp_path / "raw", 1)))
    assert open_source(plain.path, SourceOptions(crop="centre")).identity == plain.identity


def test_a_crop_that_is_none_and_landmarks_without_their_crop_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="crop: 'center' is none of auto, centre, box, face"):
        open_source(str(tmp_path), SourceOptions(crop="center"))
    with pytest.raises(ConfigError, match=r"landmarks: .* serves the crop 'face' alone"):
        open_source(str(tmp_path), SourceOptions(landmarks=tmp_path / "points.csv"))


def test_the_identity_follows_the_list_of_files_and_the_labels(tmp_path: Path, write_pictures: Writer) -> None:
    for name in ("cats", "dogs"):
        write_pictures(tmp_path / name, 1)
    before = open_source(str(tmp_path)).identity
    assert open_source(str(tmp_path)).identity == before
    assert open_source(str(tmp_path), SourceOptions(label="folder")).identity != before
    write_pictures(tmp_path / "cats", 2)
    assert open_source(str(tmp_path)).identity != before


def test_the_first_side_passes_over_a_bad_picture(tmp_path: Path) -> None:
    (tmp_path / "000.png").write_text("no picture")
    with pytest.raises(DataError, match=r"none of the first 1 images can be used; 000\.png"):
        first_side(open_source(str(tmp_path)))
    Image.new("RGB", (40, 30)).save(tmp_path / "001.png")
    assert first_side(open_source(str(tmp_path))) == 30


def test_synthetic_faces_are_drawn_at_the_asked_size_with_an_attribute_as_class() -> None:
    from progan.data.synthetic import ATTRIBUTES, draw_face

    source = open_source("synthetic", SourceOptions(resolution=32, limit=3, label=ATTRIBUTES[0]))
    assert source.classes == (f"not {ATTRIBUTES[0]}", ATTRIBUTES[0])
    for index, entry in enumerate(source.entries):
        raw, face = source.load(entry), draw_face(0, index, 32)
        assert np.array_equal(raw.pixels, face.image)
        assert raw.label == face.attributes[ATTRIBUTES[0]]


def test_synthetic_faces_need_a_size_and_a_known_attribute() -> None:
    with pytest.raises(DataError, match="say how many, as --limit 6000"):
        open_source("synthetic", SourceOptions(resolution=32))
    with pytest.raises(DataError, match="no attribute 'folder'"):
        open_source("synthetic", SourceOptions(resolution=32, limit=1, label="folder"))


@pytest.mark.skipif(not REAL.is_dir(), reason="the CelebA sample is not beside the repository")
def test_a_real_celeba_sample_is_read() -> None:
    source = open_source(str(REAL), SourceOptions(label="Smiling", partition="train"))
    assert len(source.entries) > 1000
    for entry in source.entries[:20]:
        height, width, _ = source.load(entry).pixels.shape
        assert source.frame.side(entry, width, height) == 64
        assert entry.label in (0, 1)
    assert list(pyramid(np.zeros((64, 64, 3), np.uint8), 64)) == [4, 8, 16, 32, 64]


def test_a_shuffled_source_holds_the_same_pictures_in_an_order_of_the_seed(
    tmp_path: Path, write_pictures: Writer
) -> None:
    write_pictures(tmp_path, 20)
    plain = open_source(str(tmp_path))
    one, same, other = (open_source(str(tmp_path), SourceOptions(shuffle=True, seed=seed)) for seed in (1, 1, 2))
    assert names(one) == names(same)
    assert names(one) != names(other)
    assert sorted(names(one)) == names(plain) == sorted(names(other))
    assert len({str(source.identity) for source in (plain, one, other)}) == 3


def test_a_pipe_among_the_pictures_is_not_waited_for(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    os.mkfifo(tmp_path / "two.png")
    assert [entry.name for entry in open_source(str(tmp_path)).entries] == ["one.png"]

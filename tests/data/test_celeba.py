import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from progan.data.frames import BoxFrame, celeba_square, centre_square
from progan.data.images import BadImage
from progan.data.sources import Source, SourceOptions, open_source, tables
from progan.data.sources.labels import parse
from progan.types import DataError

Writer = Callable[..., Path]

ROWS = {"000": "-1 1 -1", "001": "1 -1 1", "002": "-1 1 1", "003": "-1 -1 -1"}
IDENTITIES = "000.jpg 2880\r\n001.jpg  12\r\n002.jpg 2880\r\n003.jpg 7"


def labels(source: Source) -> list[object]:
    return [entry.label for entry in source.entries]


def attributes(end: str = "\r\n") -> str:
    return end.join(["4", "Male  Smiling Young", *(f"{name}.jpg  {row}" for name, row in ROWS.items())])


@pytest.fixture
def celeba(tmp_path: Path, write_pictures: Writer) -> Path:
    root = tmp_path / "celeba"
    write_pictures(root / "img_align_celeba", 4, (178, 218), "jpg")
    (root / "list_attr_celeba.txt").write_text(attributes(), newline="")
    (root / "identity_CelebA.txt").write_text(IDENTITIES, newline="")
    return root


@pytest.mark.parametrize(
    ("expression", "classes", "expected"),
    [
        ("Smiling", ("not Smiling", "Smiling"), [1, 0, 1, 0]),
        (
            "Male*Smiling",
            ("not Male, not Smiling", "not Male, Smiling", "Male, not Smiling", "Male, Smiling"),
            [1, 2, 1, 0],
        ),
        ("Smiling|Young", ("Smiling", "Young"), [0, 1, -1, -1]),
        ("Young, Male", ("Young", "Male"), [(0, 0), (1, 1), (1, 0), (0, 0)]),
    ],
)
def test_an_expression_makes_classes_of_attributes(
    celeba: Path, expression: str, classes: tuple[str, ...], expected: list[object]
) -> None:
    source = open_source(str(celeba), SourceOptions(label=expression))
    assert (source.classes, labels(source)) == (classes, expected)
    assert source.multilabel == ("," in expression)


def test_wrong_expressions_are_refused() -> None:
    known = ("Male", "Smiling", "Young")
    for expression, message in (
        ("Male*Smiling|Young", r"mixes \* and \|; use one of them"),
        ("Male,Male", "names an attribute twice"),
        ("Male,", "no attribute ''"),
        ("Male*Smilng", "no attribute 'Smilng'; nearest: Smiling"),
    ):
        with pytest.raises(DataError, match=message):
            parse(expression, known, "table")


def test_people_are_classes_in_the_order_of_their_numbers(celeba: Path) -> None:
    source = open_source(str(celeba), SourceOptions(label="identity"))
    assert (source.classes, labels(source)) == (("7", "12", "2880"), [2, 1, 2, 0])


def test_painted_faces_take_the_same_expressions() -> None:
    for expression in ("Smiling*Bald", "Black_Hair|Blond_Hair", "Smiling,Bald"):
        source = open_source("synthetic", SourceOptions(8, 12, expression))
        found = [source.load(entry).label for entry in source.entries]
        assert len(set(found)) > 1
        assert all(isinstance(label, tuple) == source.multilabel for label in found)


def test_the_kaggle_tables_are_read_as_the_official_ones(celeba: Path) -> None:
    expected = labels(open_source(str(celeba), SourceOptions(label="Male*Young")))
    (celeba / "list_attr_celeba.txt").unlink()
    rows = [f"{name}.jpg,{row.replace(' ', ',')}" for name, row in ROWS.items()]
    (celeba / "list_attr_celeba.csv").write_text("\n".join(["image_id,Male,Smiling,Young", *rows, ""]))
    (celeba / "list_eval_partition.csv").write_text("image_id,partition\n000.jpg,0\n001.jpg,1\n002.jpg,2\n003.jpg,0\n")
    assert labels(open_source(str(celeba), SourceOptions(label="Male*Young"))) == expected
    test = open_source(str(celeba), SourceOptions(label="Male*Young", partition="test"))
    assert [entry.name for entry in test.entries] == ["002.jpg"]


def test_a_byte_order_mark_blank_lines_and_png_copies_do_not_matter(tmp_path: Path, write_pictures: Writer) -> None:
    write_pictures(tmp_path / "img_align_celeba_png", 4, (178, 218))
    (tmp_path / "list_attr_celeba.txt").write_bytes(b"\xef\xbb\xbf" + attributes("\n\n").encode())
    source = open_source(str(tmp_path), SourceOptions(label="Young"))
    assert labels(source) == [0, 1, 1, 0]
    assert source.frame == BoxFrame(celeba_square)


def test_photos_in_the_wild_keep_their_centre(tmp_path: Path, write_pictures: Writer) -> None:
    write_pictures(tmp_path / "img_celeba", 2, (60, 40), "jpg")
    assert open_source(str(tmp_path)).frame == BoxFrame(centre_square)


def test_parts_of_the_images_are_one_source(tmp_path: Path, celeba: Path) -> None:
    whole = open_source(str(celeba), SourceOptions(label="Smiling"))
    parts = tmp_path / "parts"
    parts.mkdir()
    for number, names in enumerate((("001", "003"), ("000", "002")), start=1):
        with zipfile.ZipFile(parts / f"img_align_celeba_part{number}.zip", "w") as archive:
            for name in names:
                archive.write(celeba / "img_align_celeba" / f"{name}.jpg", f"{name}.jpg")
    (celeba / "list_attr_celeba.txt").rename(parts / "list_attr_celeba.txt")
    source = open_source(str(parts), SourceOptions(label="Smiling"))
    assert labels(source) == labels(whole)
    for one, other in zip(source.entries, whole.entries, strict=True):
        assert (source.load(one).pixels == whole.load(other).pixels).all()
    with zipfile.ZipFile(parts / "img_align_celeba_part3.zip", "w") as archive:
        archive.write(celeba / "img_align_celeba" / "000.jpg", "000.jpg")
    with pytest.raises(DataError, match=r"part2\.zip/000\.jpg and .*part3\.zip/000\.jpg are one image twice"):
        open_source(str(parts))


def test_the_official_7z_volumes_are_to_be_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "Img" / "img_align_celeba_png.7z"
    folder.mkdir(parents=True)
    (folder / "img_align_celeba_png.7z.001").write_bytes(b"7z")
    with pytest.raises(DataError, match=r"unpack it first: 7z x .*7z\.001"):
        open_source(str(tmp_path))


def test_landmarks_are_read_and_a_wrong_box_is_named(celeba: Path) -> None:
    images = celeba / "img_align_celeba"
    header = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
    rows = "4\n" + header + "\n000.jpg 69  109  106  113   77  142   73  152  108  154\n"
    (celeba / "list_landmarks_align_celeba.txt").write_text(rows)
    assert tables.landmark_rows(images, aligned=True)["000"] == (69, 109, 106, 113, 77, 142, 73, 152, 108, 154)
    (celeba / "list_bbox_celeba.txt").write_text("1\nimage_id x_1 y_1 width height\n000001.jpg    95  71 226 x\n")
    with pytest.raises(DataError, match=r"list_bbox_celeba\.txt: line 3 does not hold 4 numbers"):
        tables.boxes(images)


BOXES = """5
image_id x_1 y_1 width height
000.jpg    10  20 30 40
001.jpg    0  0  0  0
002.jpg    80  90 60 20
003.jpg    300  20 30 40
"""


@pytest.fixture
def wild(tmp_path: Path, write_pictures: Writer) -> Path:
    """Five photos, one without a row."""
    write_pictures(tmp_path / "img_celeba", 5, (120, 100), "png")
    (tmp_path / "list_bbox_celeba.txt").write_text(BOXES)
    return tmp_path


def test_photos_in_the_wild_can_be_cut_at_the_box_of_the_face(wild: Path) -> None:
    source = open_source(str(wild), SourceOptions(crop="box"))
    first, _, third, *_ = source.entries
    pixels = source.load(first).pixels
    assert source.frame.side(first, 120, 100) == 40
    assert np.array_equal(source.frame(first, pixels, 32), pixels[20:60, 5:45])
    corner = source.frame(third, source.load(third).pixels, 32)  # 80 ... 140, 70 ... 130: it leaves the photo
    assert corner.shape == (60, 60, 3)
    assert np.array_equal(corner[:30, :40], source.load(third).pixels[70:, 80:])
    for number, reason in ((1, "no box"), (3, "outside the picture"), (4, "no box")):
        entry = source.entries[number]
        with pytest.raises(BadImage, match=reason):
            source.frame(entry, source.load(entry).pixels, 32)


def test_the_box_crop_is_refused_where_there_are_no_boxes(wild: Path, celeba: Path) -> None:
    with pytest.raises(DataError, match=r"crop 'box' is for CelebA's photos in the wild \(img_celeba\)"):
        open_source(str(celeba), SourceOptions(crop="box"))
    (wild / "list_bbox_celeba.txt").unlink()
    with pytest.raises(DataError, match="no list_bbox_celeba"):
        open_source(str(wild / "img_celeba"), SourceOptions(crop="box"))

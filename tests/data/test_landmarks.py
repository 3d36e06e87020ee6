import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from progan.data.faces import FaceFrame
from progan.data.images import BadImage
from progan.data.sources import Source, SourceOptions, celeba, files, first_side, open_source
from progan.data.sources.given import Given
from progan.data.sources.landmarks import COLUMNS, framed
from progan.types import DataError

POINTS = (90, 80, 110, 80.5, 100, 90, 92, 100, 108, 100)  # of a face whose square is 80 px, in photos of 200x180
HEADER = f"name,{','.join(COLUMNS)}"
CELEBA_HEADER = (
    "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
)


def row(name: str, points: tuple[float, ...] = POINTS, between: str = ",") -> str:
    return between.join((name, *map(str, points)))


def template(points: tuple[float, ...] = POINTS) -> str:
    places = {0: points[0:2], 1: points[2:4], 55: points[4:6], 87: points[6:8], 93: points[8:10]}
    lines = [f"{x:.1f}\t{y:.1f}" for x, y in (places.get(number, (number, number)) for number in range(189))]
    return "\n".join(["189", *lines, "2", "0", "3", "0 1 2", "0", "5", "3 4 5 6 7"])


def photos(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names or ("a.png", "b.png", "c.png")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (200, 180), (number, 100, 100)).save(path)
    return folder


def opened(folder: Path, table: Path | None = None) -> Source:
    given = Given(str(folder), folder)
    return framed(files.plain(given), given, SourceOptions(crop="face", landmarks=table))


def written(path: Path, *lines: str, end: str = "\n") -> Path:
    path.write_bytes(end.join(lines).encode())
    return path


def landmarks(source: Source) -> dict[str, tuple[float, ...]]:
    return {entry.name: entry.landmarks for entry in source.entries}


def shifted(by: float) -> tuple[float, ...]:
    return tuple(value + by for value in POINTS)


def test_a_csv_gives_each_picture_its_points_and_the_face_crop(tmp_path: Path) -> None:
    folder = photos(tmp_path / "raw")
    rows = [row("b.png", shifted(1)), "", row("a.png"), row("c.png", shifted(2)), row("another.png")]
    source = opened(folder, written(tmp_path / "points.csv", HEADER, *rows))
    assert landmarks(source) == {"a.png": POINTS, "b.png": shifted(1), "c.png": shifted(2)}
    assert source.frame == FaceFrame()
    assert first_side(source) == 80
    square = source.frame(source.entries[1], source.load(source.entries[1]).pixels, 64)
    assert square.shape == (64, 64, 3)
    assert (square == (1, 100, 100)).all()


def test_columns_may_come_in_any_order_beside_others(tmp_path: Path) -> None:
    folder, titles = photos(tmp_path / "raw", "a.png"), ["score", *reversed(COLUMNS), "File_Name"]
    words = ["0.9", *map(str, reversed(POINTS)), "a.png"]
    table = written(tmp_path / "points.csv", "\ufeff" + ",".join(titles), ",".join(words), end="\r\n")
    assert landmarks(opened(folder, table)) == {"a.png": POINTS}


def test_the_csv_of_celeba_on_kaggle_is_read(tmp_path: Path) -> None:
    folder, header = photos(tmp_path / "raw", "a.png"), "image_id," + CELEBA_HEADER.replace(" ", ",")
    assert landmarks(opened(folder, written(tmp_path / "p.csv", header, row("a.png")))) == {"a.png": POINTS}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("count", [["3"], ["999"], []])
def test_a_table_in_the_format_of_celeba_is_read(tmp_path: Path, end: str, count: list[str]) -> None:
    folder = photos(tmp_path / "raw")
    rows = [row("a.png", between="   "), row("b.png", between=" ") + " ", "", row("c.png", between="\t")]
    table = written(tmp_path / "list_landmarks.txt", *count, CELEBA_HEADER + " ", *rows, end=end)
    assert landmarks(opened(folder, table)) == dict.fromkeys(("a.png", "b.png", "c.png"), POINTS)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("beside", [False, True])
def test_templates_give_pupils_nose_and_mouth(tmp_path: Path, packed: bool, beside: bool) -> None:
    folder = photos(tmp_path / "raw", "x/a.png", "x/b.jpg")
    templates = folder if beside else tmp_path / "points"
    for name, points in (("a.tem", POINTS), ("b.TEM", shifted(1))):
        (templates / "x").mkdir(parents=True, exist_ok=True)
        written(templates / "x" / name, template(points), end="\r\n")
    written(templates / "x" / "._a.tem", "a copy that macOS adds")
    if packed:
        templates = zipped(templates, tmp_path / "points.zip")
    source = opened(templates) if beside else opened(folder, templates)
    assert landmarks(source) == {"x/a.png": POINTS, "x/b.jpg": shifted(1)}


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    return archive


def test_a_folder_of_pictures_with_templates_is_walked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, walk, walked = photos(tmp_path / "raw"), os.walk, list[Path]()
    written(folder / "a.tem", template())

    def counted(root: Path, **settings: Any) -> Any:
        walked.append(root)
        return walk(root, **settings)

    monkeypatch.setattr(os, "walk", counted)
    assert len(open_source(str(folder), SourceOptions(crop="face")).entries) == 3
    assert walked == [folder]


def test_names_agree_without_suffix_and_folders_where_that_is_no_other_picture(tmp_path: Path) -> None:
    names = ("w/one/1.png", "w/two/1.png", "w/two/2.png", "w/two/3.jpg", "w/two/3.png")
    source = opened(
        photos(tmp_path / "raw", *names),
        written(tmp_path / "points.csv", HEADER, *(row(name) for name in ("w/one/1.jpg", "1.png", "2.jpg", "3.jpg"))),
    )
    assert [name for name, points in landmarks(source).items() if points] == ["w/one/1.png", "w/two/2.png"]


def test_a_picture_without_a_row_becomes_a_reject(tmp_path: Path) -> None:
    source = opened(photos(tmp_path / "raw"), written(tmp_path / "points.csv", HEADER, row("b.png"), row("c.png")))
    lacking = source.entries[0]
    for ask in (
        lambda: source.frame(lacking, source.load(lacking).pixels, 64),
        lambda: source.frame.side(lacking, 200, 180),
    ):
        with pytest.raises(BadImage, match=r"^no landmarks for it$"):
            ask()
    assert first_side(source) == 80  # of the first that has


def test_other_landmarks_are_another_request(tmp_path: Path) -> None:
    folder = photos(tmp_path / "raw", "a.png")
    tables = [written(tmp_path / f"{by}.csv", HEADER, row("a.png", shifted(by)), row("b.png")) for by in (0, 0.25)]
    again = written(tmp_path / "again.csv", HEADER, row("a.png"))
    first, other, same = (opened(folder, table).identity for table in (*tables, again))
    assert first["crop"] == "face"
    assert first != other
    assert first == same


def test_a_photo_set_without_landmarks_is_told_what_to_give(tmp_path: Path) -> None:
    folder = photos(tmp_path / "raw", "a.png")
    for path in (folder, zipped(folder, tmp_path / "raw.zip")):
        with pytest.raises(DataError, match=r"crop 'face' needs landmarks.*a csv with name,left_eye_x,left_eye_y,"):
            opened(path)


@pytest.mark.parametrize(
    ("name", "lines", "reason"),
    [
        ("p.csv", [HEADER], "no landmarks in it"),
        ("p.csv", [], "its header has no column name"),
        ("p.csv", [HEADER.replace("nose_y", "nose")], "its header has no column nose_y"),
        ("p.csv", [HEADER.replace("name", "title"), row("a.png")], "its header has no column name"),
        ("p.csv", [HEADER, row("a.png"), row("b.png") + ",1"], "line 3 has 12 columns, not 11"),
        ("p.csv", [HEADER, row("a.png").replace("90", "left", 1)], "line 2: could not convert string to float: 'left'"),
        ("p.csv", [HEADER, row("a.png", (float("nan"),) * 10)], "line 2: a value is not finite"),
        ("p.csv", [HEADER, row("a.png"), row("a.png")], "line 3: a second row for a.png; keep one face"),
        ("p.csv", [HEADER, row("z.png")], "no row for any picture of .*; it names z.png, the pictures a.png"),
        ("p.txt", ["2", CELEBA_HEADER, row("a.png", between=" "), "b.png 1 2"], "line 4 has 3 columns, not 11"),
        ("p.tem.zip", ["no zip"], "its header has no column"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(tmp_path: Path, name: str, lines: list[str], reason: str) -> None:
    table = written(tmp_path / name, *lines)
    with pytest.raises(DataError, match=f"^{table}: {reason}") as caught:
        opened(photos(tmp_path / "raw"), table)
    assert "\n" not in str(caught.value)


def test_an_absent_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"points\.csv: no such file"):
        opened(photos(tmp_path / "raw"), tmp_path / "points.csv")


def test_a_template_of_other_points_is_refused(tmp_path: Path) -> None:
    folder = photos(tmp_path / "raw", "a.png")
    for text in ("179\n" + template()[4:], "189\n1 2\n", "", "\xff\xfe"):
        written(folder / "a.tem", text)
        with pytest.raises(DataError, match=r"raw: a\.tem: not a template of 189 points; give the five"):
            opened(folder)


def test_swapped_eyes_are_refused_where_most_rows_have_them(tmp_path: Path) -> None:
    folder, swapped = photos(tmp_path / "raw"), (*POINTS[2:4], *POINTS[0:2], *POINTS[4:6], *POINTS[8:10], *POINTS[6:8])
    rows = [row("a.png", swapped), row("b.png", swapped), row("c.png")]
    with pytest.raises(DataError, match=r"eyes are swapped in 2 of 3 rows; left is the viewer's left"):
        opened(folder, written(tmp_path / "points.csv", HEADER, *rows))
    source = opened(folder, written(tmp_path / "points.csv", HEADER, rows[0], row("b.png"), rows[2]))
    with pytest.raises(BadImage, match="the eyes are swapped"):
        source.frame.side(source.entries[0], 200, 180)


def test_a_set_of_photos_that_are_turned_is_not_taken_for_swapped_eyes(tmp_path: Path) -> None:
    turned = tuple(value for x, y in zip(POINTS[0::2], POINTS[1::2], strict=True) for value in (200 - x, 180 - y))
    source = opened(photos(tmp_path / "raw", "a.png"), written(tmp_path / "p.csv", HEADER, row("a.png", turned)))
    assert source.frame.side(source.entries[0], 200, 180) == 80


def test_celeba_finds_its_own_table(tmp_path: Path) -> None:
    photos(tmp_path / "img_align_celeba", "000001.jpg", "000002.jpg")
    rows = [row(f"00000{number}.jpg", tuple(map(round, POINTS)), between="  ") for number in (1, 2)]
    written(tmp_path / "list_landmarks_align_celeba.txt", "2", CELEBA_HEADER, *rows, end="\r\n")
    given = Given("c", tmp_path)
    source = framed(celeba.open_source(given, SourceOptions()), given, SourceOptions(crop="face"))
    assert set(landmarks(source).values()) == {tuple(float(round(value)) for value in POINTS)}
    assert isinstance(source.frame, FaceFrame)
    assert np.isfinite(source.frame(source.entries[0], source.load(source.entries[0]).pixels, 64)).all()

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from progan.data.preparing.merge import merge, part_path, parts_folder
from progan.data.preparing.shards import Done, PrepareOptions, prepare
from progan.data.settings import DataConfig, open_set
from progan.data.sources import SourceOptions, open_source
from progan.data.sources.base import Source
from progan.types import DataError

Writer = Callable[..., Path]


@pytest.fixture
def source(tmp_path: Path, write_pictures: Writer) -> Source:
    """23 pictures of two classes, among them a bad one and four duplicates, within parts and across them."""
    raw = tmp_path / "raw"
    write_pictures(raw / "a", 9)
    write_pictures(raw / "b", 8, first=9)
    for name, of in (("a/000x", "a/000"), ("a/008x", "a/001"), ("b/010x", "a/000"), ("b/016x", "b/016")):
        Image.open(raw / f"{of}.png").save(raw / f"{name}.png")
    (raw / "b" / "012x.png").write_text("no picture")
    Image.new("RGB", (5, 5)).save(raw / "b" / "013x.png")
    return open_source(str(raw), SourceOptions(label="folder"))


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def options(part: tuple[int, int] | None = None) -> PrepareOptions:
    return PrepareOptions(16, raw_up_to=8, shard_bytes=9000, max_rejects=0.4, part=part)


def make_parts(source: Source, out: Path, parts: int) -> None:
    for number in range(1, parts + 1):
        prepare(source, part_path(out, (number, parts)), options((number, parts)))


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_merged_parts_are_byte_for_byte_the_set_of_one_job(tmp_path: Path, source: Source, parts: int) -> None:
    one = prepare(source, tmp_path / "one", options())
    make_parts(source, tmp_path / "set", parts)
    merged = merge(tmp_path / "set", max_rejects=0.4)
    assert digests(merged.root) == digests(one.root)
    assert (merged.count, merged.contents.rejects, merged.contents.part) == (17, 6, None)


def test_an_interrupted_merge_goes_on_to_the_same_bytes(tmp_path: Path, source: Source) -> None:
    make_parts(source, tmp_path / "set", 2)

    def stop(done: Done) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge(tmp_path / "set", 0.4, stop)
    merge(tmp_path / "set", 0.4)
    assert digests(tmp_path / "set") == digests(prepare(source, tmp_path / "one", options()).root)


def test_a_missing_an_unfinished_and_a_different_part_are_named(tmp_path: Path, source: Source) -> None:
    out = tmp_path / "set"
    with pytest.raises(DataError, match=r"no parts in it; make them with: progan prepare"):
        merge(out)
    prepare(source, part_path(out, (1, 3)), options((1, 3)))
    for other in (".2-of-3.partial", "one-of-many"):
        part_path(out, (2, 3)).with_name(other).mkdir()
    with pytest.raises(DataError, match="missing or unfinished: 2/3, 3/3"):
        merge(out)
    for number in (2, 3):
        prepare(source, part_path(out, (number, 3)), PrepareOptions(8, max_rejects=0.4, part=(number, 3)))
    with pytest.raises(DataError, match=r"2-of-3: made by another command than .*1-of-3"):
        merge(out)


def test_a_damaged_sample_of_a_part_is_not_merged(tmp_path: Path, source: Source) -> None:
    make_parts(source, tmp_path / "set", 2)
    shard = parts_folder(tmp_path / "set") / "1-of-2" / "r0004" / "000000.tar"
    data = bytearray(shard.read_bytes())
    data[660] ^= 1  # inside the pixels of the first sample
    shard.write_bytes(data)
    with pytest.raises(DataError, match=r"1-of-2/r0004/000000\.tar: sample 00000000 is altered"):
        merge(tmp_path / "set", 0.4)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("samples.jsonl", lambda text: text[: text[:-1].rindex("\n") + 1], r"\d+ lines, not the \d+ that"),
        ("samples.jsonl", lambda text: text[:-9], r"cannot be read \(.*\)"),
        ("rejects.jsonl", lambda text: "[" * 100_000, r"cannot be read \(nested too deeply\)"),
        ("samples.jsonl", lambda text: text + "{}\n", r"more than the \d+ that"),
        ("rejects.jsonl", lambda text: "", r"0 lines, not the \d+ that"),
    ],
)
def test_a_list_that_is_not_whole_is_not_merged(
    tmp_path: Path, source: Source, name: str, change: Callable[[str], str], reason: str
) -> None:
    make_parts(source, tmp_path / "set", 2)
    path = part_path(tmp_path / "set", (2, 2)) / name
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=f"^{path}: {reason}.*; prepare this part again$"):
        merge(tmp_path / "set", 0.4)


def test_more_parts_than_pictures_are_refused(tmp_path: Path, source: Source) -> None:
    with pytest.raises(DataError, match=r"raw: part 1/99 of 23 pictures is empty; make fewer parts"):
        prepare(source, part_path(tmp_path / "set", (1, 99)), options((1, 99)))


def test_a_part_is_not_trained_on(tmp_path: Path, source: Source) -> None:
    make_parts(source, tmp_path / "set", 2)
    with pytest.raises(DataError, match="is part 2/2 of a set; put the parts together first: progan merge"):
        open_set(DataConfig(path=str(part_path(tmp_path / "set", (2, 2)))))

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import webdataset
from PIL import Image

from progan.data.images import pyramid
from progan.data.manifest import Manifest
from progan.data.shards import prepare
from progan.data.sources import open_source
from progan.types import ConfigError, DataError

Writer = Callable[..., Path]

PREPARE_SLOWLY = """
import sys, time
from pathlib import Path
from progan.data.shards import prepare
from progan.data.sources import open_source

def slow(done, total, rejected):
    print(done, flush=True)
    time.sleep(60)

if __name__ == "__main__":
    prepare(open_source(sys.argv[1]), Path(sys.argv[2]), 8, workers=2, progress=slow)
"""


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_with_webdataset(manifest: Manifest, resolution: int) -> Iterator[dict[str, bytes | str]]:
    for shard in manifest.shards(resolution):
        yield from webdataset.WebDataset(str(manifest.root / shard.name), shardshuffle=False, empty_check=False)


def test_webdataset_reads_every_resolution_with_the_same_keys_and_classes(labelled_set: Manifest) -> None:
    assert len(labelled_set.shards(16)) > 2
    pictures = sorted((labelled_set.root.parent / "raw").rglob("*.png"))
    for resolution in (4, 8, 16):
        samples = list(read_with_webdataset(labelled_set, resolution))
        assert [sample["__key__"] for sample in samples] == [f"{number:08d}" for number in range(10)]
        assert [int(sample["cls"]) for sample in samples] == [0] * 6 + [1] * 4
        for sample, path in zip(samples, pictures, strict=True):
            expected = pyramid(np.asarray(Image.open(path)), 16)[resolution]
            assert np.array_equal(np.asarray(Image.open(io.BytesIO(sample["png"]))), expected)


def test_an_unlabelled_set_has_no_class_members(tmp_path: Path, write_pictures: Writer) -> None:
    manifest = prepare(open_source(str(write_pictures(tmp_path / "raw", 3))), tmp_path / "set", 8)
    assert all("cls" not in sample for sample in read_with_webdataset(manifest, 8))
    assert manifest.read_labels().tolist() == [-1, -1, -1]
    assert manifest.spec.classes == ()


def test_one_and_two_workers_write_the_same_bytes(tmp_path: Path, write_pictures: Writer) -> None:
    source = open_source(str(write_pictures(tmp_path / "raw", 70, (9, 9))))
    one = prepare(source, tmp_path / "one", 8, workers=1, shard_bytes=20_000)
    two = prepare(source, tmp_path / "two", 8, workers=2, shard_bytes=20_000)
    assert digests(one.root) == digests(two.root)
    assert one.count == 70


def test_an_existing_set_of_the_same_request_is_kept(labelled_set: Manifest) -> None:
    before = (labelled_set.root / "manifest.json").stat().st_mtime_ns
    source = open_source(str(labelled_set.root.parent / "raw"), label="folder")
    assert prepare(source, labelled_set.root, 16) == labelled_set
    assert (labelled_set.root / "manifest.json").stat().st_mtime_ns == before


def test_an_existing_set_of_another_request_is_refused(labelled_set: Manifest) -> None:
    source = open_source(str(labelled_set.root.parent / "raw"), label="folder")
    with pytest.raises(DataError, match="made with resolution 16, not 8; give another --out or delete it"):
        prepare(source, labelled_set.root, 8)
    with pytest.raises(DataError, match="made with label folder, not None"):
        prepare(open_source(source.path), labelled_set.root, 16)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path, write_pictures: Writer) -> None:
    source = open_source(str(write_pictures(tmp_path / "raw", 1)))
    with pytest.raises(DataError, match="exists and is not a prepared set"):
        prepare(source, tmp_path / "raw", 8)
    assert digests(tmp_path / "raw").keys() == {"000.png"}


def test_bad_pictures_are_listed_with_reasons_and_left_out(tmp_path: Path, write_pictures: Writer) -> None:
    raw = write_pictures(tmp_path / "raw", 5)
    (raw / "001.png").write_bytes((raw / "001.png").read_bytes()[:100])
    Image.new("RGB", (7, 30)).save(raw / "003.png")
    manifest = prepare(open_source(str(raw)), tmp_path / "set", 8, max_rejects=0.4)
    rejects = [json.loads(line) for line in (manifest.root / "rejects.jsonl").read_text().splitlines()]
    assert [reject["name"] for reject in rejects] == ["001.png", "003.png"]
    assert "too small" in rejects[1]["reason"]
    assert (manifest.count, manifest.contents.rejects) == (3, 2)
    assert (manifest.root / "names.jsonl").read_text().splitlines() == ['"000.png"', '"002.png"', '"004.png"']


def test_too_many_bad_pictures_stop_and_leave_nothing(tmp_path: Path, write_pictures: Writer) -> None:
    raw = write_pictures(tmp_path / "raw", 5)
    (raw / "002.png").write_text("no picture")
    with pytest.raises(DataError, match=r"1 of 5 pictures cannot be used.*002\.png: not a readable image"):
        prepare(open_source(str(raw)), tmp_path / "set", 8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw"]


def test_a_source_without_any_usable_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "000.png").write_text("no picture")
    with pytest.raises(DataError, match="no usable picture"):
        prepare(open_source(str(tmp_path / "raw")), tmp_path / "set", 8, max_rejects=1.0)


def test_a_limit_takes_the_first_pictures_and_a_class_without_any_is_refused(
    tmp_path: Path, write_pictures: Writer
) -> None:
    for name in ("cats", "dogs"):
        write_pictures(tmp_path / "raw" / name, 3)
    source = open_source(str(tmp_path / "raw"), label="folder")
    assert prepare(source, tmp_path / "four", 8, limit=4).contents.class_counts == (3, 1)
    with pytest.raises(DataError, match="class 'dogs' has no picture"):
        prepare(source, tmp_path / "three", 8, limit=3)


@pytest.mark.parametrize("resolution", [0, 2, 12, 100])
def test_a_resolution_that_is_no_power_of_two_is_refused(
    tmp_path: Path, write_pictures: Writer, resolution: int
) -> None:
    source = open_source(str(write_pictures(tmp_path / "raw", 1)))
    with pytest.raises(ConfigError, match="not a power of two"):
        prepare(source, tmp_path / "set", resolution)


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": -5}, {"workers": 0}])
def test_counts_below_one_are_refused(tmp_path: Path, write_pictures: Writer, wrong: dict[str, int]) -> None:
    source = open_source(str(write_pictures(tmp_path / "raw", 1)))
    with pytest.raises(ConfigError, match="is not at least 1"):
        prepare(source, tmp_path / "set", 8, **wrong)


def test_a_set_that_is_being_prepared_is_refused(tmp_path: Path, write_pictures: Writer) -> None:
    source = open_source(str(write_pictures(tmp_path / "raw", 1)))

    def again(done: int, total: int, rejected: int) -> None:
        with pytest.raises(DataError, match="another process is preparing this set"):
            prepare(source, tmp_path / "set", 8)

    assert prepare(source, tmp_path / "set", 8, progress=again).count == 1


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_call_leaves_no_set_and_no_worker_and_can_be_repeated(
    tmp_path: Path, write_pictures: Writer, kind: signal.Signals
) -> None:
    raw, out = write_pictures(tmp_path / "raw", 70, (8, 8)), tmp_path / "set"
    script = tmp_path / "slowly.py"
    script.write_text(PREPARE_SLOWLY)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = [sys.executable, str(script), str(raw), str(out)]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0
        family = _descendants(process.pid)
        assert len(family) >= 2
        process.send_signal(kind)
    assert not out.exists()
    _wait_until_gone(family)
    assert prepare(open_source(str(raw)), out, 4, limit=5).count == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "set", "slowly.py"]


def _descendants(pid: int) -> set[int]:
    """Processes of this one's tree, through /proc."""
    children = {
        int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()
    }
    return children | {deep for child in children for deep in _descendants(child)}


def _wait_until_gone(family: set[int]) -> None:
    deadline = time.monotonic() + 20
    while any(_alive(pid) for pid in family):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False

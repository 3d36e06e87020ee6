import errno
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset
from PIL import Image

from progan.data.images import pyramid
from progan.data.manifest import Manifest
from progan.data.preparing.shards import Done, PrepareOptions, prepare
from progan.data.preparing.tars import header
from progan.data.sources import SourceOptions, open_source
from progan.data.sources.base import labelled
from progan.types import ConfigError, DataError, LabelSpace

Writer = Callable[..., Path]
ROOT = Path(__file__).parents[2]

PREPARE_SLOWLY = """
import sys, time
from pathlib import Path
from progan.data.preparing import assembly, shards
from progan.data.sources import open_source

def slow(done):
    if done.entries >= int(sys.argv[3]):
        print(done.entries, flush=True)
        time.sleep(60)

if __name__ == "__main__":
    assembly._SAVE_SECONDS = 0
    shards._CHUNK_PIXELS = 64 * 5
    options = shards.PrepareOptions(8, raw_up_to=4, shard_bytes=20_000, max_rejects=0.1, workers=2)
    shards.prepare(open_source(sys.argv[1]), Path(sys.argv[2]), options, slow)
"""


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_with_webdataset(manifest: Manifest, resolution: int) -> Iterator[dict[str, bytes | str]]:
    for shard in manifest.shards(resolution):
        yield from webdataset.WebDataset(str(manifest.root / shard.name), shardshuffle=False, empty_check=False)


@pytest.mark.parametrize("stored", ["labelled_set", "coded_set"])
def test_webdataset_reads_every_resolution_with_the_same_keys_and_classes(
    request: pytest.FixtureRequest, stored: str
) -> None:
    labelled_set = request.getfixturevalue(stored)
    assert len(labelled_set.shards(16)) > 1
    pictures = sorted((labelled_set.root.parent / "raw").rglob("*.png"))
    for resolution in (4, 8, 16):
        samples = list(read_with_webdataset(labelled_set, resolution))
        assert [sample["__key__"] for sample in samples] == [f"{number:08d}" for number in range(10)]
        assert [int(sample["cls"]) for sample in samples] == [0] * 6 + [1] * 4
        for sample, path in zip(samples, pictures, strict=True):
            expected = pyramid(np.asarray(Image.open(path)), 16)[resolution]
            assert np.array_equal(_decoded(sample), expected)


def _decoded(sample: dict[str, bytes | str]) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    if "npy" in sample:
        return np.load(io.BytesIO(sample["npy"]))
    return np.asarray(Image.open(io.BytesIO(sample["png"])))


def test_an_unlabelled_set_has_no_class_members(tmp_path: Path, write_pictures: Writer) -> None:
    manifest = prepare(open_source(str(write_pictures(tmp_path / "raw", 3))), tmp_path / "set", PrepareOptions(8))
    assert all("cls" not in sample for sample in read_with_webdataset(manifest, 8))
    assert manifest.read_labels().tolist() == [-1, -1, -1]
    assert manifest.spec.classes == ()


def test_one_and_two_workers_write_the_same_bytes(tmp_path: Path, write_pictures: Writer) -> None:
    source = open_source(str(write_pictures(tmp_path / "raw", 70, (9, 9))))
    one = prepare(source, tmp_path / "one", PrepareOptions(8, workers=1, shard_bytes=20_000))
    two = prepare(source, tmp_path / "two", PrepareOptions(8, workers=2, shard_bytes=20_000))
    assert digests(one.root) == digests(two.root)
    assert one.count == 70


def test_an_existing_set_of_the_same_request_is_kept(labelled_set: Manifest) -> None:
    before = (labelled_set.root / "manifest.json").stat().st_mtime_ns
    source = open_source(str(labelled_set.root.parent / "raw"), SourceOptions(label="folder"))
    assert prepare(source, labelled_set.root, PrepareOptions(16, shard_bytes=8000)) == labelled_set
    assert (labelled_set.root / "manifest.json").stat().st_mtime_ns == before


def test_an_existing_set_of_another_request_is_refused(labelled_set: Manifest) -> None:
    source = open_source(str(labelled_set.root.parent / "raw"), SourceOptions(label="folder"))
    with pytest.raises(DataError, match="made with resolution 16, not 8; give another --out or delete it"):
        prepare(source, labelled_set.root, PrepareOptions(8))
    with pytest.raises(DataError, match="made with label folder, not None"):
        prepare(open_source(source.path), labelled_set.root, PrepareOptions(16))


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path, write_pictures: Writer) -> None:
    source = open_source(str(write_pictures(tmp_path / "raw", 1)))
    with pytest.raises(DataError, match="exists and is not a prepared set"):
        prepare(source, tmp_path / "raw", PrepareOptions(8))
    assert digests(tmp_path / "raw").keys() == {"000.png"}


def test_bad_pictures_are_listed_with_reasons_and_left_out(tmp_path: Path, write_pictures: Writer) -> None:
    raw = write_pictures(tmp_path / "raw", 5)
    (raw / "001.png").write_bytes((raw / "001.png").read_bytes()[:100])
    Image.new("RGB", (7, 30)).save(raw / "003.png")
    manifest = prepare(open_source(str(raw)), tmp_path / "set", PrepareOptions(8, max_rejects=0.4))
    rejects = [json.loads(line) for line in (manifest.root / "rejects.jsonl").read_text().splitlines()]
    assert [reject["name"] for reject in rejects] == ["001.png", "003.png"]
    assert "too small" in rejects[1]["reason"]
    assert (manifest.count, manifest.contents.rejects) == (3, 2)
    samples = [json.loads(line) for line in (manifest.root / "samples.jsonl").read_text().splitlines()]
    assert [(sample["entry"], sample["name"]) for sample in samples] == [(0, "000.png"), (2, "002.png"), (4, "004.png")]


def test_too_many_bad_pictures_stop_with_a_list_and_can_be_allowed_later(
    tmp_path: Path, write_pictures: Writer
) -> None:
    raw = write_pictures(tmp_path / "raw", 5)
    (raw / "002.png").write_text("no picture")
    with pytest.raises(DataError, match=r"1 of 5 pictures cannot be used.*002\.png: not a readable image") as error:
        prepare(open_source(str(raw)), tmp_path / "set", PrepareOptions(8))
    assert not (tmp_path / "set").exists()
    listed = re.search(r"the list is (\S+);", str(error.value))
    assert listed is not None
    assert "002.png" in Path(listed[1]).read_text()
    assert prepare(open_source(str(raw)), tmp_path / "set", PrepareOptions(8, max_rejects=0.2)).count == 4


def test_pictures_with_equal_pixels_are_rejected_unless_they_are_wanted(tmp_path: Path, write_pictures: Writer) -> None:
    raw = write_pictures(tmp_path / "raw", 3)
    Image.open(raw / "001.png").save(raw / "009.bmp")  # other bytes, the same pixels
    source = open_source(str(raw))
    unique = prepare(source, tmp_path / "set", PrepareOptions(8, max_rejects=0.5))
    reject = json.loads((unique.root / "rejects.jsonl").read_text())
    assert (reject["name"], reject["reason"]) == ("009.bmp", "duplicate of sample 00000001")
    assert prepare(source, tmp_path / "all", PrepareOptions(8, keep_duplicates=True)).count == 4


def test_several_labels_an_image_are_stored_as_a_matrix(tmp_path: Path, write_pictures: Writer) -> None:
    source = open_source(str(write_pictures(tmp_path / "raw", 3)))
    source = labelled(source, "a,b", ("a", "b"), [(0, 1), (1, 1), (0, 0)])
    manifest = prepare(source, tmp_path / "set", PrepareOptions(8))
    assert manifest.read_labels().tolist() == [[0, 1], [1, 1], [0, 0]]
    assert (manifest.contents.class_counts, manifest.spec.multilabel) == ((1, 2), True)
    assert manifest.spec.label_space == LabelSpace(2, counts=(1, 1, 1), combinations=("00", "01", "11"))
    assert [json.loads(sample["json"]) for sample in read_with_webdataset(manifest, 8)] == [[0, 1], [1, 1], [0, 0]]


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path, write_pictures: Writer) -> None:
    source, out = open_source(str(write_pictures(tmp_path / "raw", 70, (8, 8)))), tmp_path / "set"

    def fill(done: Done) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(out))

    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\); nothing is lost"):
        prepare(source, out, PrepareOptions(8), progress=fill)
    went_on: list[Done] = []
    assert prepare(source, out, PrepareOptions(8), progress=went_on.append).count == 70
    assert went_on[0].before == 64


def test_headers_are_those_of_tarfile() -> None:
    for name, size in (("00000000.png", 0), ("99999999.npy", 3145856), ("00000042.json", 7)):
        member = tarfile.TarInfo(name)
        member.size = size
        assert header(name, size) == member.tobuf(tarfile.USTAR_FORMAT)


def test_workers_load_no_torch() -> None:
    script = "import sys, progan.data.preparing.render; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_source_without_any_usable_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "000.png").write_text("no picture")
    with pytest.raises(DataError, match="no usable picture"):
        prepare(open_source(str(tmp_path / "raw")), tmp_path / "set", PrepareOptions(8, max_rejects=1.0))


def test_a_limit_takes_the_first_pictures_and_a_class_without_any_is_refused(
    tmp_path: Path, write_pictures: Writer
) -> None:
    for first, name in enumerate(("cats", "dogs")):
        write_pictures(tmp_path / "raw" / name, 3, first=3 * first)
    source = open_source(str(tmp_path / "raw"), SourceOptions(label="folder"))
    assert prepare(source, tmp_path / "four", PrepareOptions(8, limit=4)).contents.class_counts == (3, 1)
    with pytest.raises(DataError, match="class 'dogs' has no picture"):
        prepare(source, tmp_path / "three", PrepareOptions(8, limit=3))


@pytest.mark.parametrize(("resolution", "levels"), [(16, (4, 8, 16)), (28, (7, 14, 28)), (12, (6, 12)), (9, (9,))])
def test_a_set_holds_the_halves_of_its_resolution(
    tmp_path: Path, write_pictures: Writer, resolution: int, levels: tuple[int, ...]
) -> None:
    source = open_source(str(write_pictures(tmp_path / "raw", 1, (30, 30))))
    assert prepare(source, tmp_path / "set", PrepareOptions(resolution)).resolutions == levels


WRONG: list[dict[str, Any]] = [
    *({"limit": 0}, {"limit": -5}, {"workers": 0}, {"resolution": 3}, {"codec": "jpeg"}, {"codec": "gif"}),
    *({"codec": "jpeg101"}, {"part": (3, 2)}, {"part": (0, 2)}),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_options_are_refused_by_name(tmp_path: Path, write_pictures: Writer, wrong: dict[str, Any]) -> None:
    source = open_source(str(write_pictures(tmp_path / "raw", 1)))
    name = "encoding" if "codec" in wrong else next(iter(wrong))
    wrong = {"resolution": 8} | wrong
    with pytest.raises(ConfigError, match=name):
        prepare(source, tmp_path / "set", PrepareOptions(**wrong))


def test_a_set_that_is_being_prepared_is_refused(tmp_path: Path, write_pictures: Writer) -> None:
    source = open_source(str(write_pictures(tmp_path / "raw", 1)))

    def again(done: Done) -> None:
        with pytest.raises(DataError, match="another process is preparing this set"):
            prepare(source, tmp_path / "set", PrepareOptions(8))

    assert prepare(source, tmp_path / "set", PrepareOptions(8), progress=again).count == 1


@pytest.mark.parametrize(("kind", "reached"), [(signal.SIGTERM, 1), (signal.SIGKILL, 23), (signal.SIGKILL, 47)])
def test_a_killed_call_leaves_no_worker_and_goes_on_to_the_same_bytes(
    tmp_path: Path, write_pictures: Writer, kind: signal.Signals, reached: int
) -> None:
    raw, out = write_pictures(tmp_path / "raw", 70, (8, 8)), tmp_path / "set"
    (raw / "010.png").write_text("no picture")
    script = tmp_path / "slowly.py"
    script.write_text(PREPARE_SLOWLY)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, str(script), str(raw), str(out), str(reached)]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0
        family = _descendants(process.pid)
        assert len(family) >= 2
        process.send_signal(kind)
    assert not out.exists()
    _wait_until_gone(family)
    ticks: list[Done] = []
    options = PrepareOptions(8, raw_up_to=4, shard_bytes=20_000, max_rejects=0.1)
    prepare(open_source(str(raw)), out, options, progress=ticks.append)
    assert 0 < ticks[0].before < 70
    undisturbed = prepare(open_source(str(raw)), tmp_path / "undisturbed", options)
    assert digests(out) == digests(undisturbed.root)


def test_what_was_written_after_the_last_save_is_cut_off(tmp_path: Path, write_pictures: Writer) -> None:
    source, out = open_source(str(write_pictures(tmp_path / "raw", 70, (8, 8)))), tmp_path / "set"

    def stop(done: Done) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(source, out, PrepareOptions(8), progress=stop)
    for path in (tmp_path / ".set.partial").rglob("*"):
        if path.is_file() and path.name not in ("state.json", "lock"):
            with path.open("ab") as file:
                file.write(b"torn")
    prepare(source, out, PrepareOptions(8))
    assert digests(out) == digests(prepare(source, tmp_path / "undisturbed", PrepareOptions(8)).root)


def test_another_request_does_not_go_on_from_an_interrupted_one(tmp_path: Path, write_pictures: Writer) -> None:
    source, out = open_source(str(write_pictures(tmp_path / "raw", 3))), tmp_path / "set"

    def stop(done: Done) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(source, out, PrepareOptions(8), progress=stop)
    with pytest.raises(DataError, match=r"\.set\.partial: already holds a set made with resolution 8, not 16"):
        prepare(source, out, PrepareOptions(16))


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

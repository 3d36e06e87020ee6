import dataclasses
import json
import zlib
from pathlib import Path

import pytest

from progan.data.manifest import Manifest
from progan.types import DataError, DataSpec


def rewrite(manifest: Manifest, **changes: object) -> None:
    path = manifest.root / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_the_spec_holds_the_facts_that_networks_depend_on(labelled_set: Manifest) -> None:
    spec = labelled_set.spec
    fingerprint = labelled_set.contents.fingerprint
    assert spec == DataSpec((4, 8, 16), 10, ("cats", "dogs"), fingerprint, counts=(6, 4))
    assert labelled_set.contents.class_counts == (6, 4)


def test_a_written_manifest_is_read_back_whole(labelled_set: Manifest) -> None:
    assert Manifest.load(labelled_set.root) == labelled_set


@pytest.mark.parametrize("stored", ["labelled_set", "coded_set"])
def test_the_index_points_at_each_sample_and_holds_its_checksum(request: pytest.FixtureRequest, stored: str) -> None:
    manifest = request.getfixturevalue(stored)
    for resolution in manifest.resolutions:
        start = {"raw": b"\x93NUMPY", "png": b"\x89PNG"}[manifest.files(resolution).encoding]
        for shard, offset, size, checksum in manifest.read_index(resolution).tolist():
            name = manifest.shards(resolution)[shard].name
            data = (manifest.root / name).read_bytes()[offset : offset + size]
            assert data.startswith(start)
            assert zlib.crc32(data) == checksum


@pytest.mark.parametrize("name", ["labels.npy", "r0008/index.npy"])
def test_an_altered_or_missing_array_is_named(labelled_set: Manifest, name: str) -> None:
    def read() -> None:
        Manifest.load(labelled_set.root).read_labels()
        Manifest.load(labelled_set.root).read_index(8)

    flip(labelled_set.root / name, 100)
    with pytest.raises(DataError, match=f"{name}: altered"):
        read()
    (labelled_set.root / name).unlink()
    with pytest.raises(DataError, match=f"{name}: cannot be read"):
        read()


def test_a_folder_without_a_manifest_is_no_set(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match=r"not a prepared set.*progan prepare"):
            Manifest.load(root)


def test_another_version_is_refused(labelled_set: Manifest) -> None:
    rewrite(labelled_set, version=99)
    with pytest.raises(DataError, match="version 99, this program reads 2; prepare the set again"):
        Manifest.load(labelled_set.root)


@pytest.mark.parametrize(
    "changes", [{"count": "many"}, {"count": 11}, {"surprise": 1}, {"classes": ["dogs", "cats"]}, {"fingerprint": "0"}]
)
def test_an_altered_manifest_is_refused(labelled_set: Manifest, changes: dict[str, object]) -> None:
    rewrite(labelled_set, **changes)
    with pytest.raises(DataError, match="damaged"):
        Manifest.load(labelled_set.root)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 2}'])
def test_a_manifest_that_is_none_is_refused(labelled_set: Manifest, text: str) -> None:
    (labelled_set.root / "manifest.json").write_text(text)
    with pytest.raises(DataError, match="damaged"):
        Manifest.load(labelled_set.root)


def test_a_resolution_that_was_not_prepared_is_refused(labelled_set: Manifest) -> None:
    with pytest.raises(DataError, match="no 32 px images, only 4, 8, 16"):
        labelled_set.shards(32)


def test_the_fingerprint_follows_every_shard_and_the_labels(labelled_set: Manifest) -> None:
    contents = labelled_set.contents
    prints = {contents.fingerprint, contents.model_copy(update={"labels_sha256": "0"}).fingerprint}
    for resolution, files in contents.resolutions.items():
        for number, shard in enumerate(files.shards):
            shards = list(files.shards)
            shards[number] = shard.model_copy(update={"sha256": "0"})
            changed = contents.resolutions | {resolution: files.model_copy(update={"shards": tuple(shards)})}
            prints.add(contents.model_copy(update={"resolutions": changed}).fingerprint)
    assert len(prints) == 2 + sum(len(files.shards) for files in contents.resolutions.values())


def test_the_fingerprint_does_not_follow_names(labelled_set: Manifest) -> None:
    renamed = labelled_set.contents.model_copy(update={"source": "elsewhere"})
    assert dataclasses.replace(labelled_set, contents=renamed).spec == labelled_set.spec

import hashlib
from pathlib import Path

import numpy as np
import pytest

from progan.data.manifest import Manifest
from progan.data.preparing.verify import verify


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("stored", ["labelled_set", "coded_set"])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_intact_set_is_all_well(request: pytest.FixtureRequest, stored: str, workers: int) -> None:
    seen: list[tuple[int, int]] = []
    manifest = request.getfixturevalue(stored)
    assert verify(manifest, workers=workers, progress=lambda done, total: seen.append((done, total))) == []
    assert seen[-1] == (len(seen), len(seen))


def test_every_bad_file_is_listed(coded_set: Manifest) -> None:
    flip(coded_set.root / "r0016" / "000001.tar", 700)
    shard = coded_set.root / "r0008" / "000000.tar"
    shard.write_bytes(shard.read_bytes()[:-512])
    (coded_set.root / "r0004" / "000000.tar").unlink()
    flip(coded_set.root / "labels.npy", 130)
    (coded_set.root / "samples.jsonl").write_text("{}\n")
    for hashes_only in (False, True):
        bad = "\n".join(verify(coded_set, hashes_only))
        for expected in (
            "r0016/000001.tar: altered: sha256",
            r"r0008/000000.tar: ",
            "r0004/000000.tar: cannot be read (No such file or directory)",
            "labels.npy: altered",
            "samples.jsonl: 1 samples, the manifest has 10",
        ):
            assert expected in bad
        assert "r0016/000000.tar" not in bad


def save_array(path: Path, values: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> str:
    np.save(path, values)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rewritten(
    manifest: Manifest, resolution: int, index: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"
) -> Manifest:
    """The set with another index whose hash fits: what a wrong writer would make."""
    sha256 = save_array(manifest.root / f"r{resolution:04d}" / "index.npy", index)
    files = manifest.files(resolution).model_copy(update={"index_sha256": sha256})
    resolutions = manifest.contents.resolutions | {resolution: files}
    manifest.contents.model_copy(update={"resolutions": resolutions}).write(manifest.root)
    return Manifest.load(manifest.root)


def test_an_index_that_does_not_fit_its_shards_is_found(coded_set: Manifest) -> None:
    index = coded_set.read_index(16).copy()
    index[3, 1] += 512
    assert any("00000003.png is not where the index says" in line for line in verify(rewritten(coded_set, 16, index)))


def test_a_checksum_that_does_not_fit_its_sample_is_found(coded_set: Manifest) -> None:
    index = coded_set.read_index(8).copy()
    index[2, 3] += 1
    assert any("00000002: differs from the index's checksum" in line for line in verify(rewritten(coded_set, 8, index)))


def test_labels_that_differ_from_the_shards_are_found(coded_set: Manifest) -> None:
    labels = coded_set.read_labels().copy()
    labels[4] = 1
    sha256 = save_array(coded_set.root / "labels.npy", labels)
    coded_set.contents.model_copy(update={"labels_sha256": sha256}).write(coded_set.root)
    assert any("00000004.cls differs" in line for line in verify(Manifest.load(coded_set.root)))

import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
from remote_sets import Answer, Fault, WebServer, altered, cut_in_the_middle, serving, unavailable, write_set

from progan.data.loader import Loader
from progan.data.manifest import Manifest, Shard
from progan.data.remote import transport
from progan.data.remote.downloads import Prefetch
from progan.data.remote.place import CachedPlace
from progan.data.settings import DataConfig, open_set
from progan.types import ConfigError, DataError

LIMIT = 2**20
RANGE = 4096
ROOT = str(Path(__file__).parents[2])

FETCH = """
import sys
from pathlib import Path
from progan.data.remote import transport
from progan.data.manifest import Manifest
from progan.data.remote.place import CachedPlace
transport.RANGE_BYTES = int(sys.argv[3])
manifest = Manifest.load(CachedPlace(sys.argv[1], Path(sys.argv[2]), 2**20))
shard = manifest.shards(16)[0]
print(manifest.place.fetch(shard.name, shard.bytes, shard.sha256))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set at 4 and 16 px in five shards; a shard of 16 px takes several ranges."""
    return write_set(tmp_path_factory.mktemp("files") / "set", [12, 9, 11, 8, 10], {4: "raw", 16: "png"})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "RANGE_BYTES", RANGE)
    monkeypatch.setattr(transport, "SMALL_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(transport, "SHARD_PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture(params=[True, False], ids=["ranges", "no-ranges"])
def server(request: pytest.FixtureRequest, files: Path) -> Iterator[WebServer]:
    with serving(files.parent, request.param) as facts:
        yield facts


@pytest.fixture
def ranged(files: Path) -> Iterator[WebServer]:
    with serving(files.parent) as facts:
        yield facts


def load(server: WebServer, cache: Path, limit: int = LIMIT) -> tuple[Manifest, CachedPlace]:
    place = CachedPlace(f"{server.url}/set", cache, limit)
    return Manifest.load(place), place


def wait_for_downloads() -> None:
    for thread in threading.enumerate():
        if thread.name == "download":
            thread.join(20)
            assert not thread.is_alive()


def fetch(place: CachedPlace, shard: Shard) -> bytes:
    return place.fetch(shard.name, shard.bytes, shard.sha256).read_bytes()


def order(server: WebServer, name: str, *faults: Fault) -> None:
    server.faults[f"set/{name}"] = list(faults)


def child(url: str, cache: Path, settings: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    """A process that fetches the first shard of 16 px and prints where it lies."""
    command = [sys.executable, "-c", FETCH, url, str(cache), str(RANGE)]
    environment = os.environ | {"PYTHONPATH": ROOT} | (settings or {})
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_a_set_behind_http_is_the_set_on_the_disk(server: WebServer, files: Path, tmp_path: Path) -> None:
    manifest, place = load(server, tmp_path)
    local = Manifest.load(files)
    assert manifest.contents == local.contents
    for resolution in (4, 16):
        assert np.array_equal(manifest.read_index(resolution), local.read_index(resolution))
        for shard in manifest.shards(resolution):
            assert fetch(place, shard) == (files / shard.name).read_bytes()
            assert fetch(place, shard) == (files / shard.name).read_bytes()
    assert np.array_equal(manifest.read_labels(), local.read_labels())
    requests = [path for path, _ in server.requests if path.endswith(".tar")]
    each = [-(-shard.bytes // RANGE) if server.ranges else 1 for shard in manifest.shards(16)]
    assert [requests.count(f"set/{shard.name}") for shard in manifest.shards(16)] == each


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_other_schemes_serve_the_same_set(scheme: str, files: Path, tmp_path: Path) -> None:
    url = f"file://{files}"
    if scheme == "memory":
        url = f"memory://{tmp_path.name}/set"
        fsspec.filesystem("memory").put(f"{files}/", f"/{tmp_path.name}/set/", recursive=True)
    place = CachedPlace(url, tmp_path, LIMIT)
    manifest = Manifest.load(place)
    assert manifest.contents == Manifest.load(files).contents
    for shard in manifest.shards(16):
        assert fetch(place, shard) == (files / shard.name).read_bytes()


def test_a_data_set_of_the_hugging_face_hub_is_read_file_by_file(files: Path, tmp_path: Path) -> None:
    with serving(files.parent, repository="user/faces") as hub:
        # A process of its own: the driver takes the address of the hub when it is imported.
        settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_TELEMETRY": "1"}
        output, _ = child("hf://datasets/user/faces/set", tmp_path, settings).communicate(timeout=20)
    shard = Manifest.load(files).shards(16)[0]
    assert Path(output.strip()).read_bytes() == (files / shard.name).read_bytes()
    assert hub.count(f"resolve/main/set/{shard.name}") == -(-shard.bytes // RANGE)


def test_a_place_can_be_given_to_other_processes(ranged: WebServer, tmp_path: Path) -> None:
    manifest, _ = load(ranged, tmp_path)
    assert pickle.loads(pickle.dumps(manifest)).read_labels().shape == (manifest.count,)
    receiving, sending = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=lambda: sending.send(manifest.read_labels().shape))
    child.start()
    assert receiving.poll(20)
    assert receiving.recv() == (manifest.count,)
    child.join()


def test_passing_troubles_are_sat_out(server: WebServer, files: Path, tmp_path: Path) -> None:
    order(server, "manifest.json", unavailable, unavailable)
    manifest, place = load(server, tmp_path)
    one, other, third = manifest.shards(16)[:3]
    order(server, one.name, unavailable, unavailable)
    order(server, other.name, cut_in_the_middle)
    order(server, third.name, altered)
    for shard in (one, other, third):
        assert fetch(place, shard) == (files / shard.name).read_bytes()


def test_lasting_troubles_are_one_line_that_names_the_file(server: WebServer, tmp_path: Path) -> None:
    manifest, place = load(server, tmp_path)
    shard = manifest.shards(16)[0]
    address = f"{server.url}/set/{shard.name}"
    for fault, reason in (
        (unavailable, r"cannot be read \(HTTP status 503\); check the address and the network"),
        (altered, f"sha256 is [0-9a-f]+, the manifest says {shard.sha256}; the copy there is damaged"),
        (missing, "no such file, though the manifest names it"),
    ):
        order(server, shard.name, *[fault] * 20)
        with pytest.raises(DataError, match=f"^{address}: {reason}") as caught:
            fetch(place, shard)
        assert "\n" not in str(caught.value)


def missing(answer: Answer) -> None:
    answer.status, answer.body = 404, b""


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("lost", [50, RANGE])
def test_a_shard_cut_short_at_its_home_is_said_to_be(files: Path, tmp_path: Path, ranges: bool, lost: int) -> None:
    shutil.copytree(files, tmp_path / "set")
    shard = Manifest.load(files).shards(16)[0]
    os.truncate(tmp_path / "set" / shard.name, shard.bytes - lost)
    with serving(tmp_path, ranges) as server:
        _, place = load(server, tmp_path / "cache")
        rule = f"has {shard.bytes - lost} bytes, the manifest says {shard.bytes}; upload the set again"
        with pytest.raises(DataError, match=f"^{server.url}/set/{shard.name}: {rule}"):
            fetch(place, shard)


def test_a_missing_set_is_said_to_be_none(ranged: WebServer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"^{ranged.url}/nothing: not a prepared set"):
        Manifest.load(CachedPlace(f"{ranged.url}/nothing", tmp_path, LIMIT))


def test_a_server_that_is_not_there_is_one_line(files: Path, tmp_path: Path) -> None:
    with serving(files.parent) as server:
        pass
    with pytest.raises(DataError, match=rf"^{server.url}/set/manifest.json: cannot be read \(.*\); check the address"):
        load(server, tmp_path)


def test_an_unknown_scheme_names_the_known_ones(tmp_path: Path) -> None:
    known = "http, https, s3, gs, hf, file, memory, or a folder"
    for url in ("ftp://user:secret@host/set", "pipe:cat://x", "simplecache::http://host/set"):
        with pytest.raises(ConfigError, match=rf"^data\.path: .*: unknown scheme; known are {known}") as caught:
            CachedPlace(url, tmp_path, LIMIT)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_missing_driver_names_the_extra(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("s3fs", "gcsfs"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=rf"^data\.path: .* needs a driver; pip install 'progan\[{scheme}\]'$"):
        CachedPlace(f"{scheme}://bucket/set", tmp_path, LIMIT)


def test_secrets_of_an_address_are_sent_but_not_told(ranged: WebServer, tmp_path: Path) -> None:
    host = ranged.url.removeprefix("http://")
    place = CachedPlace(f"http://user:hidden@{host}/set?signature=hidden", tmp_path, LIMIT)
    manifest = Manifest.load(place)
    assert place.describe("labels.npy") == f"{ranged.url}/set/labels.npy"
    for name, fault in ((manifest.shards(16)[0].name, unavailable), (manifest.shards(16)[1].name, cut_in_the_middle)):
        order(ranged, name, *[fault] * 9)
    for shard in manifest.shards(16)[:2]:
        with pytest.raises(DataError) as caught:
            fetch(place, shard)
        assert "hidden" not in str(caught.value)
    assert CachedPlace("hf://datasets/user/set@v1/faces", tmp_path, LIMIT).describe("a") == (
        "hf://datasets/user/set@v1/faces/a"
    )


def test_two_processes_that_want_a_shard_at_once_download_it_once(ranged: WebServer, tmp_path: Path) -> None:
    manifest = Manifest.load(ranged.root / "set")
    shard = manifest.shards(16)[0]
    order(ranged, shard.name, *[lambda answer: together.wait(20)] * 9)
    together = threading.Event()
    children = [child(f"{ranged.url}/set", tmp_path) for _ in range(2)]
    while ranged.count("manifest.json") < 2:
        assert all(process.poll() is None for process in children)
    together.set()
    paths = {process.communicate(timeout=20)[0].strip() for process in children}
    (path,) = paths
    assert Path(path).read_bytes() == (ranged.root / "set" / shard.name).read_bytes()
    assert ranged.count(shard.name) == -(-shard.bytes // RANGE)


def test_a_killed_download_is_resumed(ranged: WebServer, tmp_path: Path) -> None:
    shard = Manifest.load(ranged.root / "set").shards(16)[0]
    reached, killed = threading.Event(), threading.Event()

    def hang(answer: Answer) -> None:
        reached.set()
        killed.wait(20)
        answer.cut = 0

    order(ranged, shard.name, lambda answer: None, hang)
    process = child(f"{ranged.url}/set", tmp_path)
    assert reached.wait(20)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    killed.set()
    _, place = load(ranged, tmp_path)
    assert fetch(place, shard) == (ranged.root / "set" / shard.name).read_bytes()
    starts = [first for path, first in ranged.requests if path.endswith(shard.name)]
    assert starts == [0, RANGE, *range(RANGE, shard.bytes, RANGE)]


def test_prefetched_shards_are_there_and_stay_within_the_limit(ranged: WebServer, tmp_path: Path) -> None:
    manifest, place = load(ranged, tmp_path)
    place.require_room(manifest.files(16).bytes)
    Prefetch(place, manifest.shards(16))
    wait_for_downloads()
    before = len(ranged.requests)
    for shard in manifest.shards(16):
        fetch(place, shard)
    assert len(ranged.requests) == before
    limit = 2 * max(shard.bytes for shard in manifest.shards(16))
    _, narrow = load(ranged, tmp_path, limit)
    with pytest.raises(ConfigError, match=r"data\.cache_gb"):
        narrow.require_room(manifest.files(16).bytes)
    Prefetch(narrow, manifest.shards(4))
    wait_for_downloads()
    assert sum(path.stat().st_size for path in tmp_path.glob("??/*")) <= limit


@pytest.mark.parametrize("room", [True, False])
def test_the_next_planned_resolution_is_downloaded_while_one_is_trained(
    ranged: WebServer, tmp_path: Path, room: bool
) -> None:
    manifest, _ = load(ranged, tmp_path)
    both = manifest.files(4).bytes + manifest.files(16).bytes
    limit = (both if room else both - 1) / 2**30
    config = DataConfig(path=f"{ranged.url}/set", cache=str(tmp_path), cache_gb=limit)
    loader = Loader(open_set(config), config, seed=0)
    for resolution in (4, 16):
        loader.require(resolution, 4)
    loader.batch(4, 0, 4)
    wait_for_downloads()
    asked = {path.split("/")[1] for path, _ in ranged.requests if path.endswith(".tar")}
    assert asked == ({"r0004", "r0016"} if room else {"r0004"})
    loader.close()


def test_a_resolution_that_the_cache_cannot_hold_is_refused_before_training(ranged: WebServer, tmp_path: Path) -> None:
    config = DataConfig(path=f"{ranged.url}/set", cache=str(tmp_path), cache_gb=1e-6)
    loader = Loader(open_set(config), config, seed=0)
    with pytest.raises(ConfigError, match=r"data\.cache_gb: .* cannot hold the .* of one resolution"):
        loader.require(16, 4)
    loader.close()


def test_a_shard_that_could_not_be_prefetched_fails_where_it_is_wanted(ranged: WebServer, tmp_path: Path) -> None:
    manifest, place = load(ranged, tmp_path)
    first, *others = manifest.shards(16)
    order(ranged, first.name, *[unavailable] * 99)
    Prefetch(place, manifest.shards(16))
    wait_for_downloads()
    with pytest.raises(DataError, match=first.name):
        fetch(place, first)
    for shard in others:
        fetch(place, shard)


def test_a_stopped_prefetch_ends_and_loses_nothing(ranged: WebServer, tmp_path: Path) -> None:
    manifest, place = load(ranged, tmp_path)
    shard = manifest.shards(16)[0]
    reached, stopped = threading.Event(), threading.Event()

    def hang(answer: Answer) -> None:
        reached.set()
        stopped.wait(20)

    order(ranged, shard.name, lambda answer: None, hang)
    prefetch = Prefetch(place, [shard])
    assert reached.wait(20)
    prefetch.stop()
    stopped.set()
    wait_for_downloads()
    fetch(place, shard)
    starts = [first for path, first in ranged.requests if path.endswith(shard.name)]
    assert starts == [0, RANGE, *range(RANGE, shard.bytes, RANGE)]

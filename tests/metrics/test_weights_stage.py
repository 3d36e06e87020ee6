"""The `progan weights` commands, against a web server of this machine."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from progan_command import refused

from pipelines.weights import fetch, verify, where
from progan.metrics.weights import FILE, VARIABLE, fetch_weights, find_weights
from progan.types import DataError

CONTENT = torch.randint(0, 256, (3_000_000,), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
CONTENT = CONTENT.numpy().tobytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    url: str = ""
    sent: int = len(CONTENT)  # bytes after which the connection breaks
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    facts = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            facts.requests.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: facts.sent])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        facts.url = f"http://127.0.0.1:{http.server_port}/weights.pth"
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield facts
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch-fidelity would keep the weights: an empty place."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "torch" / "hub" / "checkpoints" / FILE


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_weights_are_fetched_once_to_where_they_are_looked_for(
    server: Server, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(None, server.url, SHA256)
    assert cache.read_bytes() == CONTENT
    assert "2.9 MiB fetched" in capsys.readouterr().out
    fetch(None, server.url, SHA256)
    assert server.requests == ["/weights.pth"]
    assert "there already" in capsys.readouterr().out


def test_another_file_in_their_place_is_replaced(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "broken.pth"
    file.write_bytes(CONTENT[:1000])
    fetch(file, server.url, SHA256)
    assert _files(tmp_path) == [file]
    assert file.read_bytes() == CONTENT


def test_the_progress_of_a_download_ends_at_its_size(server: Server, tmp_path: Path) -> None:
    shown: list[tuple[int, int]] = []
    fetch_weights(tmp_path / "w.pth", server.url, SHA256, lambda done, total: shown.append((done, total)))
    assert len(shown) > 1
    assert [done for done, _ in shown] == sorted({done for done, _ in shown})
    assert shown[-1] == (len(CONTENT), len(CONTENT))
    assert {total for _, total in shown} == {len(CONTENT)}


def test_a_broken_connection_and_another_file_leave_what_was_there(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    file.write_bytes(b"old")
    with pytest.raises(DataError, match=f"its hash begins with {SHA256[:8]}, not 01234567"):
        fetch_weights(file, server.url, "01234567")
    server.sent = 2_000_000
    with pytest.raises(DataError, match="the connection broke after 2000000 of 3000000 bytes"):
        fetch_weights(file, server.url, SHA256)
    assert _files(tmp_path) == [file]
    assert file.read_bytes() == b"old"


def test_without_network_one_line_says_so_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nothing answers
    line = refused("weights", "fetch", "--out", tmp_path / "w.pth")
    assert "on a machine with network run progan weights fetch --out FILE" in line
    assert not _files(tmp_path)


def test_the_setting_goes_before_the_variable_and_that_before_the_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where(None)
    assert capsys.readouterr().out.startswith(f"path: {cache}\nnamed by: nothing: torch-fidelity's cache")
    monkeypatch.setenv(VARIABLE, "variable.pth")
    where(None)
    assert capsys.readouterr().out.startswith(f"path: variable.pth\nnamed by: ${VARIABLE}\nthere: no file")
    where(tmp_path / "setting.pth")
    assert capsys.readouterr().out.startswith(f"path: {tmp_path / 'setting.pth'}\nnamed by: --file\n")
    assert find_weights(None).path == Path("variable.pth")


def test_verify_tells_the_expected_file_from_others(
    unpublished_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sha256 = hashlib.sha256(unpublished_weights.read_bytes()).hexdigest()
    verify(unpublished_weights, sha256[:8])
    assert "published" in capsys.readouterr().out
    where(unpublished_weights)
    assert f"there: other weights, sha256 {sha256}" in capsys.readouterr().out
    line = refused("weights", "verify", unpublished_weights)
    assert f"not the published Inception weights but others of sha256 {sha256}" in line
    assert f"fd50k-{sha256[:8]}" in line


@pytest.mark.parametrize(("content", "message"), [(None, "no such file"), (b"a page", "refused as Inception weights")])
def test_verify_names_a_file_that_is_missing_or_wrong(
    content: bytes | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "w.pth"
    if content is not None:
        file.write_bytes(content)
    assert refused("weights", "verify", file).startswith(f"error: {file}: {message}")
    where(file)
    assert ("no file" if content is None else message) in capsys.readouterr().out


def test_a_missing_file_that_nothing_names_is_told_with_the_command_that_brings_it() -> None:
    with pytest.raises(DataError, match="no such file; progan weights fetch brings it"):
        verify(None)

"""What the tests of remote sets share: a web server with faults to order, and a small set of many shards."""

import hashlib
import io
import json
import tarfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from progan.data.codec import encode
from progan.data.manifest import LABELS, Contents, ResolutionFiles, Shard, index_name, key, shard_name


@dataclass
class Answer:
    """What the server is about to send; a fault changes it or waits."""

    status: int
    body: bytes
    cut: int | None = None  # bytes after which the connection breaks


Fault = Callable[[Answer], None]


@dataclass
class WebServer:
    """A folder over HTTP on this machine, or as the data set `repository` of a Hugging Face Hub."""

    root: Path
    ranges: bool = True
    repository: str = ""
    faults: dict[str, list[Fault]] = field(default_factory=dict)  # by path; each serves for one request
    requests: list[tuple[str, int]] = field(default_factory=list)  # path, first byte
    sent: int = 0  # bytes of bodies
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, suffix: str) -> int:
        return sum(path.endswith(suffix) for path, _ in self.requests)

    def answer(self, path: str, wanted: str | None) -> Answer:
        body = _hub_file(self, path) if self.repository else _file(self.root / path)
        first, last = (int(part) for part in wanted.removeprefix("bytes=").split("-")) if wanted else (0, 0)
        with self.lock:
            self.requests.append((path, first))
            fault = self.faults[path].pop(0) if self.faults.get(path) else None
        if body is None:
            answer = Answer(404, b"nothing here")
        elif wanted and self.ranges:
            answer = Answer(206, body[first : last + 1]) if first < len(body) else Answer(416, b"")
        else:
            answer = Answer(200, body)
        if fault:
            fault(answer)
        return answer


def _file(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _hub_file(hub: WebServer, path: str) -> bytes | None:
    """The three requests a reader makes: is there such a repository, what is in a folder, a file."""
    facts, content = f"api/datasets/{hub.repository}", f"datasets/{hub.repository}/resolve/main/"
    if path == facts:
        return json.dumps({"id": hub.repository, "sha": "0" * 40}).encode()
    if path.startswith(content):
        return _file(hub.root / path.removeprefix(content))
    folder = hub.root / path.removeprefix(f"{facts}/tree/main/")
    if path.startswith(f"{facts}/tree/main/") and folder.is_dir():
        return json.dumps([_hub_entry(hub.root, entry) for entry in sorted(folder.iterdir())]).encode()
    return None


def _hub_entry(root: Path, path: Path) -> dict[str, str | int]:
    kind, size = ("file", path.stat().st_size) if path.is_file() else ("directory", 0)
    return {"type": kind, "path": str(path.relative_to(root)), "size": size, "oid": "0" * 40}


def unavailable(answer: Answer) -> None:
    answer.status, answer.body = 503, b"later"


def altered(answer: Answer) -> None:
    answer.body = answer.body[:-1] + bytes([answer.body[-1] ^ 1])


def cut_in_the_middle(answer: Answer) -> None:
    answer.cut = len(answer.body) // 2


@contextmanager
def serving(root: Path, ranges: bool = True, repository: str = "") -> Iterator[WebServer]:
    facts = WebServer(root, ranges, repository)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            answer = facts.answer(unquote(self.path.partition("?")[0].lstrip("/")), self.headers.get("Range"))
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            body = answer.body[: answer.cut]
            self.wfile.write(body)
            with facts.lock:
                facts.sent += len(body)
            if answer.cut is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    facts.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield facts
    finally:
        server.shutdown()
        server.server_close()


def pixels(number: int, size: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """A picture that says its number in the first pixel."""
    picture = np.random.default_rng(number).integers(0, 256, (size, size, 3), np.uint8)
    picture[0, 0] = number // 65536, number // 256 % 256, number % 256
    return picture


def write_set(root: Path, counts: list[int], encodings: dict[int, str]) -> Path:
    """A prepared set: shard i of every resolution holds counts[i] samples."""
    resolutions = {}
    for size, encoding in encodings.items():
        suffix = {"raw": "npy"}.get(encoding, encoding)
        shards, index, first = [], [], 0
        for number, count in enumerate(counts):
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for sample in range(first, first + count):
                    data = encode(pixels(sample, size), encoding)
                    for name, content in ((suffix, data), ("cls", b"0")):
                        member = tarfile.TarInfo(f"{key(sample)}.{name}")
                        member.size = len(content)
                        if name != "cls":
                            index.append((number, tar.offset + 512, len(data), zlib.crc32(data)))
                        tar.addfile(member, io.BytesIO(content))
            first += count
            data, name = buffer.getvalue(), shard_name(size, number)
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
            shards.append(Shard(name=name, count=count, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
        sha256 = _save(root / index_name(size), np.array(index, np.int64))
        resolutions[size] = ResolutionFiles(encoding=encoding, shards=tuple(shards), index_sha256=sha256)
    total = sum(counts)
    Contents(
        source="made up",
        request={},
        count=total,
        rejects=0,
        classes=("thing",),
        class_counts=(total,),
        labels_sha256=_save(root / LABELS, np.zeros(total, np.int64)),
        resolutions=resolutions,
    ).write(root)
    return root


def _save(path: Path, values: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> str:
    buffer = io.BytesIO()
    np.save(buffer, values)
    path.write_bytes(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()

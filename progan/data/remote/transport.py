"""Reading the files of a remote set through fsspec: whole or in ranges, patiently, without a secret in a message."""

import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from progan.data.images import one_line
from progan.types import ConfigError, DataError

# What a scheme needs beyond the program itself: the name of an extra of pyproject.toml.
SCHEMES = {"http": "http", "https": "http", "s3": "s3", "gs": "gs", "hf": None, "file": None, "memory": None}

RANGE_BYTES = 16 * 2**20  # of a shard, asked for at once: what a broken connection loses
# Seconds before another try. A shard is needed by a run that may be days old, a small file by one that just began.
SMALL_PAUSES = (0.5, 2.0)
SHARD_PAUSES = (0.5, 2.0, 8.0, 20.0)

_UNHEARD = logging.NullHandler()
_SILENCE_SECONDS = 60.0  # after which a server that sends nothing is given up
_PASSING = (408, 425, 429)  # of the HTTP refusals 4xx, those that a later try may not meet
_MISSING, _BEYOND_THE_END = 404, 416
_UPLOAD = "upload the set again"
_REMEDY = "check the address and the network, then run the same command again"


class Remote:
    """The files below a URL. Safe to use from several threads and after a fork."""

    def __init__(self, url: str) -> None:
        """ConfigError for a scheme that is unknown or whose driver is not installed."""
        self._scheme = _require_scheme(url)
        base, mark, query = url.partition("?") if self._scheme in ("http", "https") else (url, "", "")
        self._base, self._query = base.rstrip("/"), mark + query
        self._opened: tuple[int, Any] | None = None  # the process that opened the file system, and the latter

    def describe(self, name: str = "") -> str:
        """The address as messages show it: without user, password and query, which may hold a signature."""
        return _public(f"{self._base}/{name}" if name else self._base)

    def read(self, name: str) -> bytes:
        """A whole file. FileNotFoundError if there is none, DataError if it cannot be had."""

        def ask(files: Any, url: str) -> bytes:
            data: bytes = files.cat_file(url)
            return data

        return self._patiently(name, SMALL_PAUSES, ask)

    def chunks(self, name: str, size: int, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """A file of `size` bytes from `start` on, as (offset, bytes) in order.

        A server that knows no ranges sends the whole file instead, at offset 0, whatever `start` was.
        DataError if the file is missing, shorter than `size`, or cannot be had after all tries.
        """
        while start < size:
            stop = min(start + RANGE_BYTES, size)
            data = self._range(name, start, stop)
            if len(data) > stop - start:
                self._require_size(name, len(data), size)
                yield 0, data
                return
            if not data:
                self._require_size(name, start, size)
            yield start, data
            start += len(data)

    def _require_size(self, name: str, found: int, size: int) -> None:
        if found != size:
            raise DataError(f"{self.describe(name)}: has {found} bytes, the manifest says {size}; {_UPLOAD}")

    def _range(self, name: str, start: int, stop: int) -> bytes:
        """At most stop - start bytes from `start` on, none beyond the end; the whole file where there are no ranges."""

        def ask(files: Any, url: str) -> bytes:
            try:
                data: bytes = files.cat_file(url, start=start, end=stop, **_range_options(self._scheme))
            except Exception as error:
                if _status(error) == _BEYOND_THE_END:
                    return b""
                raise
            return data

        try:
            return self._patiently(name, SHARD_PAUSES, ask)
        except FileNotFoundError as error:
            raise DataError(f"{self.describe(name)}: no such file, though the manifest names it; {_UPLOAD}") from error

    def _patiently(self, name: str, pauses: tuple[float, ...], ask: Callable[[Any, str], bytes]) -> bytes:
        """What `ask` of the file system and the file's address returns; after each pause it is tried again."""
        waits = iter(pauses)
        while True:
            try:
                return ask(self._files(), self._url(name))
            except (FileNotFoundError, MemoryError):
                raise
            except Exception as error:  # each driver has errors of its own, few of them an OSError
                if _status(error) == _MISSING:
                    raise FileNotFoundError(self.describe(name)) from error
                pause = next(waits, None) if _may_pass(error) else None
                if pause is None:
                    raise DataError(f"{self.describe(name)}: cannot be read ({_cause(error)}); {_REMEDY}") from error
            time.sleep(pause)

    def _files(self) -> Any:
        """The file system, one for all threads: fsspec keeps one with its connections for each thread for ever."""
        import fsspec

        # gcsfs logs a traceback of every error, which without a handler would go to the terminal.
        logging.getLogger("gcsfs").addHandler(_UNHEARD)
        if self._opened is None or self._opened[0] != os.getpid():
            files = fsspec.filesystem(self._scheme, skip_instance_cache=True, **_options(self._scheme))
            self._opened = os.getpid(), files
        return self._opened[1]

    def _url(self, name: str) -> str:
        return f"{self._base}/{name}{self._query}"


def _require_scheme(url: str) -> str:
    import fsspec

    scheme = url.partition("://")[0]
    if scheme not in SCHEMES:
        raise ConfigError(f"data.path: {_public(url)}: unknown scheme; known are {', '.join(SCHEMES)}, or a folder")
    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        remedy = f"pip install 'progan[{SCHEMES[scheme]}]'" if SCHEMES[scheme] else "install progan again"
        raise ConfigError(f"data.path: {_public(url)}: {scheme}:// needs a driver; {remedy}") from error
    return scheme


def _options(scheme: str) -> dict[str, Any]:
    if scheme not in ("http", "https"):
        return {}
    import aiohttp

    # The default ends any answer after five minutes, however well it flows, and lets a compressed range through.
    patience = aiohttp.ClientTimeout(total=None, sock_connect=_SILENCE_SECONDS, sock_read=_SILENCE_SECONDS)
    return {"client_kwargs": {"timeout": patience}, "headers": {"Accept-Encoding": "identity"}}


def _range_options(scheme: str) -> dict[str, Any]:
    """Without this Hugging Face's driver would read 5 MB past the end of each range and throw them away."""
    return {"cache_type": "none"} if scheme == "hf" else {}


def _may_pass(error: Exception) -> bool:
    """Whether another try may go better."""
    status = _status(error)
    if status is not None and 400 <= status < 500:
        return status in _PASSING
    return not isinstance(error, (PermissionError, ImportError))


def _status(error: Exception) -> int | None:
    """The HTTP status in the error of any driver."""
    response = getattr(error, "response", None)  # of Hugging Face
    below = getattr(error.__cause__, "response", None)  # of botocore, whose errors s3fs replaces
    found = [getattr(error, "status", None), getattr(response, "status_code", None)]
    if isinstance(below, dict):
        found.append(below.get("ResponseMetadata", {}).get("HTTPStatusCode"))
    if type(error).__module__.startswith("gcsfs"):
        found.append(getattr(error, "code", None))
    return next((value for value in found if isinstance(value, int)), None)


def _cause(error: Exception) -> str:
    status = _status(error)
    return f"HTTP status {status}" if status is not None else _public(one_line(error))


def _public(text: str) -> str:
    """Without the secrets that a URL can carry."""
    return re.sub(r"\?[^\s'\")>]*", "", re.sub(r"://[^/\s@]*@", "://", text))

"""Prepared sets at a URL, cached on the node shard by shard."""

import threading
from collections.abc import Iterator
from pathlib import Path

from progan.data.remote.cache import ShardCache, Wanted
from progan.data.remote.transport import Remote


class CachedPlace:
    """A set at a URL: http(s), s3, gs, hf, or file and memory.

    Its small files are read each time, its shards once a node: they are hashed when they are downloaded and then kept
    in `cache`, of all sets together at most `cache_bytes`. Safe to use from several threads.
    """

    def __init__(self, url: str, cache: Path, cache_bytes: int) -> None:
        """ConfigError for a scheme that is unknown or lacks its driver."""
        self._remote = Remote(url)
        self._cache = ShardCache(cache, cache_bytes)

    @property
    def root(self) -> None:
        """No folder: files are copied to this node."""

    def describe(self, name: str = "") -> str:
        """The address without user, password and query."""
        return self._remote.describe(name)

    def read(self, name: str) -> bytes:
        """FileNotFoundError if there is no such file; DataError, after three tries, if it cannot be had."""
        return self._remote.read(name)

    def chunks(self, name: str, size: int, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """A shard from the network, past the cache: (offset, bytes) in order, see Remote.chunks."""
        return self._remote.chunks(name, size, start)

    def fetch(self, name: str, size: int, sha256: str, stop: threading.Event | None = None) -> Path:
        """The node's file of a shard, downloaded unless it is there; see ShardCache.fetch."""
        wanted = Wanted(self.describe(name), size, sha256, lambda start: self.chunks(name, size, start))
        return self._cache.fetch(wanted, stop or threading.Event())

    def forget(self, sha256: str) -> bool:
        """Remove the node's file of a shard in which a sample turned out damaged; the next fetch downloads it again."""
        self._cache.forget(sha256)
        return True

    def require_room(self, size: int) -> None:
        """ConfigError naming data.cache_gb if so many bytes of shards cannot be cached together."""
        self._cache.require_room(size)

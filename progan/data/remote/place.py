"""Prepared sets at a URL, cached on the node shard by shard."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from progan.data.manifest import Shard
from progan.data.place import Stopped
from progan.data.remote.cache import ShardCache, Wanted
from progan.data.remote.transport import Remote
from progan.types import ProganError

_THREADS = 4  # that download ahead: one connection seldom fills a line


class CachedPlace:
    """A set at a URL: http(s), s3, gs, hf, or file and memory.

    Its small files are read each time, its shards once a node: they are hashed when they are downloaded and then kept
    in `cache`, of all sets together at most `cache_bytes`. Safe to use from several threads.
    """

    def __init__(self, url: str, cache: Path, cache_bytes: int) -> None:
        """ConfigError for a scheme that is unknown or lacks its driver."""
        self._remote = Remote(url)
        self._cache = ShardCache(cache, cache_bytes)

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

    def require_room(self, total_bytes: int) -> None:
        """ConfigError naming data.cache_gb if so many bytes of shards cannot be cached together."""
        self._cache.require_room(total_bytes)

    def prefetch(self, shards: Sequence[Shard]) -> "Prefetch":
        """Begin to download shards, in order; whoever fetches one meanwhile waits for it or takes it over."""

        def fetch(shard: Shard, stop: threading.Event) -> None:
            self.fetch(shard.name, shard.bytes, shard.sha256, stop)

        return Prefetch(fetch, shards)


class Prefetch:
    """Threads that fetch shards in the background.

    The first failure ends them without a word: whoever fetches that shard meets it and raises it in the right place.
    """

    def __init__(self, fetch: Callable[[Shard, threading.Event], None], shards: Sequence[Shard]) -> None:
        self._fetch = fetch
        self._shards = iter(shards)
        self._stop = threading.Event()
        self._next = threading.Lock()
        # Daemons: a program that ends does not wait for what it no longer needs; a cut download is resumed later.
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(_THREADS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Returns at once; the threads end after the range that is under way, which the next download goes on from."""
        self._stop.set()

    def wait(self) -> None:
        """Until all shards are there, or one could not be had."""
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        try:
            while not self._stop.is_set() and (shard := self._take()) is not None:
                self._fetch(shard, self._stop)
        except (ProganError, Stopped):
            self._stop.set()

    def _take(self) -> Shard | None:
        with self._next:
            return next(self._shards, None)

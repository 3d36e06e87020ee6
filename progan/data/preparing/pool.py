"""Worker processes for chunks of work: results in order, a bounded number in flight, no process left behind."""

import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext
from typing import TypeVar

from progan.types import DataError

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


def in_order(work: Callable[[Chunk], Result], chunks: Iterable[Chunk], workers: int) -> Iterator[tuple[Chunk, Result]]:
    """Each chunk with `work(chunk)`, in the order of the chunks; `work` must be picklable.

    workers: processes; with 1 the work is done in this process. At most two chunks a worker are in flight, so memory
    does not grow with the number of chunks. DataError if a worker was killed.
    """
    if workers == 1:
        yield from ((chunk, work(chunk)) for chunk in chunks)
        return
    with _signals_later():
        executor = ProcessPoolExecutor(workers, mp_context=_context(work), initializer=_become_worker)
    try:
        yield from _bounded(executor, work, iter(chunks), in_flight=2 * workers)
    except BrokenProcessPool as error:
        raise DataError(f"a worker of {workers} was killed, perhaps for memory; use fewer --workers") from error
    finally:
        executor.shutdown(cancel_futures=True)


def _bounded(
    executor: ProcessPoolExecutor, work: Callable[[Chunk], Result], chunks: Iterator[Chunk], in_flight: int
) -> Iterator[tuple[Chunk, Result]]:
    waiting: deque[tuple[Chunk, Future[Result]]] = deque()

    def submit(count: int) -> None:
        for chunk in itertools.islice(chunks, count):
            with _signals_later():  # this may start a worker
                waiting.append((chunk, executor.submit(work, chunk)))

    submit(in_flight)
    while waiting:
        chunk, future = waiting.popleft()
        result = future.result()
        submit(1)
        yield chunk, result


@contextmanager
def _signals_later() -> Iterator[None]:
    """SIGINT and SIGTERM that come inside are answered at its end: a worker half started would outlive its queues."""
    if threading.current_thread() is not threading.main_thread():  # which alone answers signals
        yield
        return
    received: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda number, _: received.append(number)) for number in numbers}
    try:
        yield
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)
        for arrived in received:
            signal.raise_signal(arrived)


def _context(work: object) -> BaseContext:
    """Workers are forked from a small server: forking this process, with its threads, could deadlock."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([type(work).__module__])
    resource_tracker.ensure_running()  # else the server starts it, and so lets the signal through again
    # An interrupt from the terminal reaches the server too, which ignores it only once it has imported everything.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def _become_worker() -> None:
    """Leave interrupts to the parent, and end when the parent does, however it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

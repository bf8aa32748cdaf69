"""Threads for what blocks: few, with a bounded queue, never the reactor's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from .problems import unavailable

THREADS = 4
QUEUE = 256
"""Requests that may wait for a thread."""

T = TypeVar("T")


class Threads:
    """A thread pool with a bound.

    Args:
        reactor: where answers are delivered.
        threads: how many run at once.
        queue: how many calls may wait besides.
    """

    def __init__(self, reactor: IReactorFromThreads, threads: int = THREADS, queue: int = QUEUE) -> None:
        self._reactor = reactor
        self._threads = threads
        self._limit = threads + queue
        self._under_way = 0
        self._pool: ThreadPool | None = None

    async def start(self) -> None:
        """Be ready; threads are made when they are needed."""
        if self._pool is None:
            self._pool = ThreadPool(0, self._threads, name="mailframe-api")
            self._pool.start()

    async def stop(self) -> None:
        """End the threads; what is under way is waited for."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()

    def run(self, function: Callable[..., T], *arguments: Any) -> Deferred[T]:
        """Call a function in a thread.

        When the Deferred is cancelled, the function runs to its end and counts as under way until then.

        Raises:
            Problem: too many wait, or the threads have been stopped.
        """
        if self._pool is None or self._under_way >= self._limit:
            raise unavailable("too many requests wait already")
        self._under_way += 1
        inner: Deferred[T] = deferToThreadPool(self._reactor, self._pool, function, *arguments)
        inner.addBoth(self._over)
        outer: Deferred[T] = Deferred()
        inner.addCallbacks(outer.callback, outer.errback)
        return outer

    def _over(self, result: Any) -> Any:
        self._under_way -= 1
        return result

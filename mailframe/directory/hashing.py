"""Threads for password hashes: few, with a bounded queue, never the reactor's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from mailframe.message.status import MailframeError, Status

from .metrics import HASH_SECONDS, HASH_WAITING

BUSY = Status((4, 7, 0), "Too many logins right now; try again later", "UNAVAILABLE", reply_code=454)
"""RFC 4954 section 4: 454 is "temporary authentication failure"."""

T = TypeVar("T")


def usual_threads() -> int:
    """One a core, four at most: hashing must not take the whole machine."""
    return min(os.cpu_count() or 1, 4)


class HashingThreads:
    """A thread pool with a bound.

    Args:
        reactor: where answers are delivered.
        threads: how many run at once; 0 for `usual_threads`.
        queue: how many may wait besides.
    """

    def __init__(self, reactor: IReactorFromThreads, threads: int = 0, queue: int = 128) -> None:
        self._reactor = reactor
        self._threads = threads or usual_threads()
        self._limit = self._threads + queue
        self._under_way = 0
        self._pool: ThreadPool | None = None

    @property
    def running(self) -> bool:
        """Has it been started?"""
        return self._pool is not None

    def start(self) -> None:
        """Be ready; threads are made when they are needed."""
        if self._pool is None:
            self._pool = ThreadPool(0, self._threads, name="mailframe-passwords")
            self._pool.start()

    def stop(self) -> None:
        """End the threads. What waited fails; what is being hashed is waited for (50 ms)."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()

    def run(self, function: Callable[..., T], *arguments: Any) -> Deferred[T]:
        """Call a function in a thread.

        When the Deferred is cancelled, the function runs to its end and counts as under way until then.

        Raises:
            MailframeError: `BUSY`, when too many wait or the threads have been stopped.
        """
        pool = self._pool
        if pool is None:
            raise MailframeError(BUSY, "the hashing threads are not running")
        if self._under_way >= self._limit:
            raise MailframeError(BUSY, f"{self._under_way} logins are waiting already")
        self._under_way += 1
        HASH_WAITING.inc()
        inner: Deferred[T] = deferToThreadPool(
            self._reactor, pool, self._in_thread, pool, function, arguments
        )
        inner.addBoth(self._over)
        outer: Deferred[T] = Deferred()
        inner.addCallbacks(outer.callback, outer.errback)
        return outer

    def _in_thread(self, pool: ThreadPool, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        if pool is not self._pool:
            raise MailframeError(BUSY, "the hashing threads were stopped")
        begun = perf_counter()
        try:
            return function(*arguments)
        finally:
            HASH_SECONDS.observe(perf_counter() - begun)

    def _over(self, result: object) -> Any:
        self._under_way -= 1
        HASH_WAITING.dec()
        return result

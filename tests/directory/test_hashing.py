"""Threads for hashes."""

from __future__ import annotations

import threading
from typing import cast

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.trial.unittest import TestCase

from mailframe.directory.hashing import BUSY, HashingThreads
from mailframe.message.status import MailframeError


class HashingThreadsTests(TestCase):
    """Few threads, and a bounded queue."""

    def make(self, threads: int = 1, queue: int = 1) -> HashingThreads:
        pool = HashingThreads(cast(IReactorFromThreads, reactor), threads, queue)
        pool.start()
        self.addCleanup(pool.stop)
        return pool

    async def test_runs_elsewhere(self) -> None:
        """The reactor's thread never hashes."""
        self.assertNotEqual(threading.get_ident(), await self.make().run(threading.get_ident))

    async def test_bound(self) -> None:
        """When too many wait, the next one is told to try again later, and then it works again."""
        pool, go = self.make(), threading.Event()
        self.addCleanup(go.set)
        waiting = [pool.run(go.wait, 10), pool.run(go.wait, 10)]
        self.assertEqual(BUSY, self.assertRaises(MailframeError, pool.run, go.wait, 10).status)
        go.set()
        for one in waiting:
            self.assertTrue(await one)
        self.assertEqual(5, await pool.run(int, "5"))

    async def test_cancelled_counts_until_it_ends(self) -> None:
        """Hanging up does not make room for another guess before the thread is free."""
        pool, go = self.make(threads=1, queue=0), threading.Event()
        self.addCleanup(go.set)
        waiting = pool.run(go.wait, 10)
        waiting.cancel()
        await self.assertFailure(waiting, CancelledError)
        self.assertRaises(MailframeError, pool.run, int, "5")
        go.set()
        while True:
            try:
                self.assertEqual(5, await pool.run(int, "5"))
                return
            except MailframeError:
                turn: Deferred[None] = Deferred()
                reactor.callLater(0.001, turn.callback, None)  # type: ignore[attr-defined]
                await turn

    async def test_exceptions(self) -> None:
        """What the function raises arrives."""
        await self.assertFailure(self.make().run(int, "x"), ValueError)

    async def test_stopped(self) -> None:
        """After the stop nothing is hashed; what waited fails, and it can start again."""
        pool, begun, go = self.make(threads=1, queue=5), threading.Event(), threading.Event()

        def hashing() -> bool:
            begun.set()
            return go.wait(10)

        first, second = pool.run(hashing), pool.run(int, "5")
        # A thread that has not come to it yet would not begin after the stop.
        self.assertTrue(begun.wait(10))
        threading.Timer(0.05, go.set).start()
        pool.stop()
        self.assertFalse(pool.running)
        self.assertTrue(await first)
        await self.assertFailure(second, MailframeError)
        self.assertRaises(MailframeError, pool.run, int, "5")
        pool.stop()
        pool.start()
        self.assertEqual(5, await pool.run(int, "5"))

"""Tests of `mailframe.api.watching` and `mailframe.api.threads`."""

from __future__ import annotations

import threading
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.api.problems import Problem
from mailframe.api.threads import Threads
from mailframe.api.watching import EVERY, Watch
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError


class WatchTests(SynchronousTestCase):
    """Requests wait until there is something new."""

    def setUp(self) -> None:
        """A directory that is asked by a counter."""
        self.clock = Clock()
        self.version = 1
        self.asked = 0
        self.fault: Exception | None = None
        self.watch = Watch(self.newest, self.clock, 3)

    async def newest(self) -> int:
        """Where it is."""
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return self.version

    def wait(self, version: int = 1, seconds: float = 30.0) -> Deferred[None]:
        """Somebody waits."""
        return Deferred.fromCoroutine(self.watch.other_than(version, seconds))

    def test_one_look_for_all(self) -> None:
        """However many wait, the directory is asked once in a while, and not at all when nobody does."""
        waiting = [self.wait() for _ in range(3)]
        self.clock.pump([EVERY] * 4)
        self.assertEqual(4, self.asked)
        self.version = 2
        self.clock.advance(EVERY)
        for one in waiting:
            self.successResultOf(one)
        self.clock.pump([EVERY] * 4)
        self.assertEqual(5, self.asked)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_look_now(self) -> None:
        """What is changed here is seen at once."""
        waiting = self.wait()
        self.version = 2
        self.watch.look()
        self.clock.advance(0)
        self.successResultOf(waiting)
        self.watch.look()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_seen_before(self) -> None:
        """Only those wait on who know what is newest."""
        late, early = self.wait(1), self.wait(0)
        self.clock.advance(EVERY)
        self.successResultOf(early)
        self.assertNoResult(late)

    def test_enough(self) -> None:
        """Nobody waits longer than was said, also while the directory cannot be asked."""
        self.fault = MailframeError(CANNOT_LOOK_UP)
        waiting = self.wait(seconds=2.0)
        self.clock.pump([EVERY] * 3)
        self.assertNoResult(waiting)
        self.clock.advance(EVERY)
        self.successResultOf(waiting)

    def test_heals(self) -> None:
        """When the directory can be asked again, those who waited are told."""
        self.fault = MailframeError(CANNOT_LOOK_UP)
        waiting = self.wait()
        self.clock.pump([EVERY] * 2)
        self.fault, self.version = None, 2
        self.clock.advance(EVERY)
        self.successResultOf(waiting)

    def test_too_many(self) -> None:
        """No more wait than may; who goes away makes room."""
        waiting = [self.wait() for _ in range(3)]
        self.failureResultOf(self.wait(), Problem)
        waiting[0].cancel()
        self.failureResultOf(waiting[0])
        self.assertNoResult(self.wait())

    def test_stop(self) -> None:
        """At the end nobody waits any more."""
        waiting = self.wait()
        self.watch.stop()
        self.successResultOf(waiting)
        self.successResultOf(self.wait())
        self.assertEqual([], self.clock.getDelayedCalls())


class ThreadsTests(TestCase):
    """What blocks is bounded."""

    async def test_bound(self) -> None:
        """What is too much is refused at once; what is given up counts until it has ended."""
        clock: Any = reactor
        threads = Threads(clock, 1, 1)
        self.assertRaises(Problem, threads.run, int)
        await threads.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(threads.stop()))
        go = threading.Event()
        self.addCleanup(go.set)
        first, second = threads.run(go.wait), threads.run(int)
        self.assertRaises(Problem, threads.run, int)
        second.addErrback(lambda _: None)
        second.cancel()
        self.assertRaises(Problem, threads.run, int)
        go.set()
        self.assertTrue(await first)
        while True:
            try:
                self.assertEqual(0, await threads.run(int))
                break
            except Problem:
                await _turn(clock)


def _turn(clock: Any) -> Deferred[None]:
    turn: Deferred[None] = Deferred()
    clock.callLater(0.01, turn.callback, None)
    return turn

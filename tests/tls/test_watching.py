"""Looks at files, by the clock and on notice."""

from __future__ import annotations

import os

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import capturedLogs
from twisted.python.runtime import platform
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.tls.watching import SETTLE, Watch


class ClockTests(SynchronousTestCase):
    """Without notices."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.looks: list[float] = []

    def look(self) -> None:
        self.looks.append(self.clock.seconds())

    def test_now_and_then(self) -> None:
        """It looks every so often, until it is stopped; stopping twice is fine."""
        watch = Watch(self.clock, 10.0, self.look)
        watch.start()
        self.clock.pump([5, 5, 10])
        self.assertEqual([10.0, 20.0], self.looks)
        watch.look_soon()
        watch.stop()
        watch.stop()
        self.clock.advance(100)
        self.assertEqual([10.0, 20.0], self.looks)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_soon(self) -> None:
        """Several notices at once are one look, when it has become quiet."""
        watch = Watch(self.clock, 100.0, self.look)
        watch.start()
        for _ in range(5):
            watch.look_soon()
        self.clock.advance(SETTLE)
        self.assertEqual([SETTLE], self.looks)
        watch.stop()

    def test_fault(self) -> None:
        """A look that fails is told of, and the next one is made all the same."""
        looks = []

        def look() -> None:
            looks.append(1)
            raise RuntimeError("broken")

        watch = Watch(self.clock, 10.0, look)
        with capturedLogs() as events:
            watch.start()
            self.clock.pump([10, 10])
        watch.stop()
        self.assertEqual((2, 2), (len(looks), len(events)))
        self.assertEqual(2, len(self.flushLoggedErrors(RuntimeError)))


class NoticeTests(TestCase):
    """With Linux telling."""

    timeout = 10

    async def test_notice(self) -> None:
        """A file that is written, replaced or removed is looked at in a moment, in new directories as well."""
        if not platform.supportsINotify():
            return
        base = self.mktemp()
        os.mkdir(base)
        places = [base]
        looked: list[Deferred[None]] = []

        def look() -> None:
            if looked:
                looked.pop().callback(None)

        watch = Watch(reactor, 3600.0, look, lambda: places)  # type: ignore[arg-type]
        watch.start()
        self.addCleanup(watch.stop)
        below = os.path.join(base, "below")
        for change in (
            lambda: open(os.path.join(base, "a"), "w").close(),
            lambda: os.replace(os.path.join(base, "a"), os.path.join(base, "b")),
            lambda: os.unlink(os.path.join(base, "b")),
            lambda: (os.mkdir(below), places.append(below)),
            lambda: open(os.path.join(below, "a"), "w").close(),
        ):
            waiting: Deferred[None] = Deferred()
            looked.append(waiting)
            change()  # type: ignore[no-untyped-call]
            await waiting

    async def test_another_directory(self) -> None:
        """A directory that was put in the place of another is watched from the next look on."""
        if not platform.supportsINotify():
            return
        base, new = self.mktemp(), self.mktemp()
        os.mkdir(base)
        os.mkdir(new)
        looked: list[Deferred[None]] = []

        def look() -> None:
            if looked:
                looked.pop().callback(None)

        watch = Watch(reactor, 3600.0, look, lambda: [base])  # type: ignore[arg-type]
        watch.start()
        self.addCleanup(watch.stop)
        os.rmdir(base)
        os.rename(new, base)
        watch.look_soon(0.0)
        # One look for that, one for the new watch.
        for _ in range(2):
            looked.append(Deferred())
            await looked[0]
        looked.append(Deferred())
        open(os.path.join(base, "a"), "w").close()
        await looked[0]

    async def test_nowhere(self) -> None:
        """A directory that is not there is no fault."""
        watch = Watch(reactor, 3600.0, lambda: None, lambda: ["/nowhere/at/all"])  # type: ignore[arg-type]
        watch.start()
        await deferLater(reactor, 0, lambda: None)  # type: ignore[arg-type]
        watch.stop()

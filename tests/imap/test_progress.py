"""Long commands let others have their turn, and say how far they are."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.progress import SLICE_SECONDS, Progress
from mailframe.imap.settings import IMAPSettings
from mailframe.imap.states import State


class FakeSession:
    """What `Progress` knows of a session."""

    def __init__(self):
        self.clock, self.settings = Clock(), IMAPSettings()
        self.state, self.tag, self.written = State.SELECTED, b'a"1', []
        self.write = self.written.append


class ProgressTests(SynchronousTestCase):
    """`Progress` of one command."""

    def setUp(self):
        self.session = FakeSession()
        self.clock = self.session.clock
        self.progress = Progress(self.session, "Working")

    def step(self, done, total):
        return Deferred.fromCoroutine(self.progress.step(done, total))

    def test_quick(self):
        """Quick work is neither held up nor spoken of."""
        self.assertTrue(self.successResultOf(self.step(1, 2)))
        self.assertEqual((self.session.written, self.clock.getDelayedCalls()), ([], []))

    def test_turn_of_others(self):
        """After a slice of time others have their turn."""
        self.clock.advance(SLICE_SECONDS)
        step = self.step(1, 2)
        self.assertNoResult(step)
        self.clock.advance(0)
        self.assertTrue(self.successResultOf(step))
        self.assertTrue(self.successResultOf(self.step(2, 2)))

    def test_told(self):
        """The client is told the figures once in an interval, and not when all is done."""
        for done in (100, 150, 200):
            self.clock.advance(6)
            self.step(done, 200)
            self.clock.advance(0)
        self.assertEqual(self.session.written, [b'* OK [INPROGRESS ("a\\"1" 150 200)] Working...\r\n'])

    def test_session_over(self):
        """Work for a session that is over is not gone on with."""
        self.session.state = State.LOGOUT
        self.assertFalse(self.successResultOf(self.step(1, 2)))

    def test_waiting(self):
        """While the store works the client is told that it goes on, without figures, until it is done."""
        work = Deferred()
        waiting = Deferred.fromCoroutine(self.progress.wait(work))
        self.clock.pump([9, 2, 10])
        self.assertEqual(self.session.written, [b'* OK [INPROGRESS ("a\\"1" NIL NIL)] Working...\r\n'] * 2)
        work.callback("found")
        self.assertEqual(self.successResultOf(waiting), "found")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled(self):
        """A command whose connection is gone leaves no timer behind, waiting or in the turn of others."""
        waiting = Deferred.fromCoroutine(self.progress.wait(Deferred()))
        self.clock.advance(1)
        step = self.step(1, 2)
        for each in (waiting, step):
            each.cancel()
            self.failureResultOf(each)
        self.assertEqual(self.clock.getDelayedCalls(), [])

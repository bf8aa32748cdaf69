"""IDLE beside a store that takes its time, or says nothing."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from mailframe.message.status import UNAVAILABLE, MailframeError
from tests.imap.interposed import interposed
from tests.imap.mail import MESSAGES, SessionCase, deliver


class IdleTests(SessionCase):
    """A client waits for what is new."""

    mail = "plain"

    def test_without_hints(self):
        """Changes nobody hints at are found a little later."""
        self.serve(
            self.settings, interposed(self.store, mailbox={"listen": lambda listen, hint: lambda: None})
        )
        client = self.select()
        self.assertEqual(client.say("a IDLE"), [b"+ idling"])
        deliver(self.store, MESSAGES["plain"])
        self.assertEqual(client.heard(), [])
        self.clock.advance(30)
        self.assertEqual(client.heard(), [b"* 2 EXISTS", b"* 2 RECENT"])

    def slow(self):
        """A store that answers `changes` when told to."""
        self.waiting = []

        async def slowly(changes, since):
            if self.wait:
                self.waiting.append(Deferred())
                await self.waiting[-1]
            return await changes(since)

        self.wait = False
        self.serve(self.settings, interposed(self.store, mailbox={"changes": slowly}))
        client = self.select()
        client.say("a IDLE")
        self.wait = True
        return client

    def test_one_at_a_time(self):
        """Hints that come while the store is asked are answered by asking once more, however many they are."""
        client = self.slow()
        for _ in range(5):
            deliver(self.store, MESSAGES["plain"])
        self.assertEqual(len(self.waiting), 1)
        self.waiting[0].callback(None)
        self.assertEqual(len(self.waiting), 2)
        self.assertEqual(client.heard(), [b"* 6 EXISTS", b"* 6 RECENT"])
        self.waiting[1].callback(None)
        self.assertEqual(client.heard(), [])
        self.assertEqual(len(self.waiting), 2)

    def test_done_waits(self):
        """DONE is answered after what is being told."""
        client = self.slow()
        deliver(self.store, MESSAGES["plain"])
        self.assertEqual(client.say("DONE", "b NOOP"), [])
        self.wait = False
        self.waiting[0].callback(None)
        self.assertEqual(
            client.heard(),
            [b"* 2 EXISTS", b"* 2 RECENT", b"a OK IDLE completed", b"b OK NOOP completed"],
        )

    def test_lost(self):
        """A connection lost while idling leaves nothing running."""
        client = self.slow()
        deliver(self.store, MESSAGES["plain"])
        client.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        deliver(self.store, MESSAGES["plain"])
        self.assertEqual(len(self.waiting), 1)

    def test_slow_reader(self):
        """A client that does not read is told all in one go when it does."""
        client = self.select()
        client.say("a IDLE")
        client.transport.producer.pauseProducing()
        for _ in range(3):
            deliver(self.store, MESSAGES["plain"])
        self.assertEqual(client.heard(), [])
        client.transport.producer.resumeProducing()
        self.assertEqual(client.heard(), [b"* 4 EXISTS", b"* 4 RECENT"])

    def test_trouble(self):
        """A store that cannot say what is new does not end the idling."""
        trouble = []

        async def sometimes(changes, since):
            if trouble:
                raise trouble.pop()
            return await changes(since)

        self.serve(self.settings, interposed(self.store, mailbox={"changes": sometimes}))
        client = self.select()
        client.say("a IDLE")
        trouble.append(MailframeError(UNAVAILABLE))
        deliver(self.store, MESSAGES["plain"])
        self.assertEqual(client.heard(), [])
        trouble.append(RuntimeError("broken"))
        self.clock.advance(30)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.clock.advance(30)
        self.assertEqual(client.heard(), [b"* 2 EXISTS", b"* 2 RECENT"])

    def test_not_selected(self):
        """Idling without a mailbox is possible, and pointless."""
        client = self.login()
        self.assertEqual(client.say("a IDLE"), [b"+ idling"])
        self.assertEqual(client.say("DONE"), [b"a OK IDLE completed"])

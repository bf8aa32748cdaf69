"""Tests of your own code with `mailframe.testing`; run them with ``python -m twisted.trial own_tests``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from mailframe.message.envelope import Envelope
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.policy.interfaces import IMailPolicy
from mailframe.store.interfaces import IHints
from mailframe.store.memory import MemoryStore
from mailframe.store.values import Describe
from mailframe.testing.smtp import RecordingDelivery, fake_reception, serve
from mailframe.testing.store import MailStoreContract


class OwnStoreTests(MailStoreContract, TestCase):
    """A store keeps the whole contract of `mailframe.store.interfaces`; put yours in the place of this one."""

    async def make_store(self, describe: Describe, hints: IHints) -> MemoryStore:
        """A new, empty store."""
        return MemoryStore(describe, hints)


@implementer(IMailPolicy)
class NoMailFromUs:
    """Nobody outside sends in the name of our own domain."""

    async def mail(self, origin: Origin, envelope: Envelope) -> Status | None:
        """Refuse our own domain as the sender's."""
        sender = envelope.reverse_path
        if sender is not None and sender.domain == "example.test":
            return Status((5, 7, 1), "You are not one of us")
        return None


class NoMailFromUsTests(SynchronousTestCase):
    """The policy, seen from a client."""

    def test_others_may_send(self) -> None:
        """Mail from elsewhere is delivered."""
        delivery = RecordingDelivery()
        client = serve(fake_reception(delivery, policies=[NoMailFromUs()]))
        replies = client.message(
            b"Subject: Hello\r\n\r\nHi.\r\n", "alice@example.test", sender="joe@sender.test"
        )
        self.assertEqual(replies[0][:3], "250")
        self.assertEqual(len(delivery.messages), 1)

    def test_our_name_is_refused(self) -> None:
        """Mail in our name is refused for good."""
        client = serve(fake_reception(policies=[NoMailFromUs()]))
        client.say("EHLO client.sender.test")
        self.assertEqual(client.say("MAIL FROM:<bob@example.test>")[0][:9], "550 5.7.1")

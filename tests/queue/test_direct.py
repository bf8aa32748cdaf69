"""Ways into the queue, and past it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.delivery.interfaces import IDelivery
from mailframe.directory.memory import MemoryDirectory
from mailframe.message.address import parse_mailbox
from mailframe.message.content import Content, OctetsBody
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import OK, Status
from mailframe.queue.direct import DirectDelivery, ExpandingDelivery
from mailframe.routing.expansion import Expansion
from mailframe.routing.interfaces import LocalMailbox, Route
from mailframe.testing.smtp import RecordingDelivery, run

ALICE = parse_mailbox("alice@example.test")
HOME = Route(mailboxes=(LocalMailbox(str(ALICE), "INBOX", ALICE),))
ABROAD = Route(onward=True)
LATER = Status((4, 3, 1), "No room")


def mail(*recipients: str | Recipient, **parameters: str | None) -> MailObject:
    """A message from Alice."""
    to = [one if isinstance(one, Recipient) else Recipient(parse_mailbox(one)) for one in recipients]
    envelope = Envelope(ALICE, to, dict(parameters))
    return MailObject("q1", envelope, Content(OctetsBody(b"Subject: x\r\n\r\n")), Origin("s1", "192.0.2.1"))


class DirectDeliveryTests(SynchronousTestCase):
    """Mailboxes at once, the rest by the queue."""

    def setUp(self) -> None:
        self.store, self.queue = RecordingDelivery(), RecordingDelivery()
        self.delivery = DirectDelivery(self.store, self.queue)  # type: ignore[arg-type]

    def counts(self, message: MailObject, *routes: Route) -> tuple[int, int]:
        """Messages that went into the store and the queue in all."""
        self.assertEqual([OK] * len(routes), list(run(self.delivery.deliver(message, routes, True))))
        return len(self.store.messages), len(self.queue.messages)

    def test_ways(self) -> None:
        """What is for mailboxes only goes there; a message is never parted."""
        verifyObject(IDelivery, self.delivery)
        self.assertEqual((1, 0), self.counts(mail(str(ALICE)), HOME))
        self.assertEqual((1, 1), self.counts(mail("bob@example.org"), ABROAD))
        self.assertEqual((1, 2), self.counts(mail(str(ALICE), "bob@example.org"), HOME, ABROAD))

    def test_promises(self) -> None:
        """What only a queue can keep brings mail for mailboxes into the queue."""
        self.assertEqual((0, 1), self.counts(mail(str(ALICE), HOLDFOR="60"), HOME))
        self.assertEqual((0, 2), self.counts(mail(str(ALICE), BY="60;R"), HOME))
        told = Recipient(ALICE, {"NOTIFY": "SUCCESS,FAILURE"})
        self.assertEqual((0, 3), self.counts(mail(told), HOME))
        silent = Recipient(ALICE, {"NOTIFY": "NEVER"})
        self.assertEqual((1, 3), self.counts(mail(silent), HOME))


class ExpandingDeliveryTests(SynchronousTestCase):
    """Aliases' targets in place of the aliases."""

    def setUp(self) -> None:
        directory = MemoryDirectory(["example.test"], {str(ALICE): "x"})
        targets = [parse_mailbox("bob@example.org"), ALICE]
        directory.set_alias(parse_mailbox("all@example.test"), targets)
        self.expansion = Expansion(directory)

    def test_expanded(self) -> None:
        """Each target gets the message once, with the address that was written to, and what was asked of notices."""
        inner = RecordingDelivery()
        delivery = ExpandingDelivery(inner, self.expansion)  # type: ignore[arg-type]
        verifyObject(IDelivery, delivery)
        everybody = Recipient(parse_mailbox("all@example.test"), {"NOTIFY": "FAILURE"})
        message = mail("bob@example.org", everybody)
        self.assertEqual([OK, OK], list(run(delivery.deliver(message, [ABROAD, ABROAD], True))))
        found = inner.messages[0].envelope.recipients
        self.assertEqual(["bob@example.org", str(ALICE)], [str(one.forward_path) for one in found])
        self.assertEqual({}, found[0].parameters)
        self.assertEqual({"ORCPT": "rfc822;all@example.test", "NOTIFY": "FAILURE"}, found[1].parameters)
        self.assertEqual(2, len(message.envelope.recipients))

    def test_worst(self) -> None:
        """An alias has the worst of its targets' answers."""
        inner = RecordingDelivery([OK, LATER, OK])
        delivery = ExpandingDelivery(inner, self.expansion)  # type: ignore[arg-type]
        found = run(delivery.deliver(mail("all@example.test", "carol@example.net"), [ABROAD, ABROAD], False))
        self.assertEqual([LATER, OK], list(found))

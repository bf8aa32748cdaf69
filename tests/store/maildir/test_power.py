"""What is answered is on stable storage: a disk that forgets everything that was not flushed."""

from __future__ import annotations

import attrs

from mailframe.message.content import Content
from mailframe.store.values import Delivery, Item, NewMessage, TakenMailbox, TakenMessage

from .fixture import ALICE, BOB, numbered
from .forgetful import ForgetfulCase


class PowerTests(ForgetfulCase):
    """After an answer the power may go."""

    def test_nothing_flushed(self) -> None:
        """The disk of these tests does forget."""
        self.deliver(numbered(1))
        self.put("new", "1600000000.other.host")
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(1)])

    def test_deliveries(self) -> None:
        """Delivered messages are there, those of several accounts and those that share a file as well."""
        self.deliver(numbered(1), numbered(2))
        shared = NewMessage(Content.of(numbered(3)))
        self.wait(self.store.deliver([Delivery(ALICE, shared), Delivery(BOB, shared)]))
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(1), numbered(2), numbered(3)])
        self.assertEqual(self.contents(account=BOB), [numbered(3)])

    def test_append(self) -> None:
        """Appended messages are there, with flags (in cur/) and without."""
        self.append(numbered(1))
        self.append(numbered(2), mailbox="Sent", flags=["\\Seen"])
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(1)])
        self.assertEqual(self.contents("Sent"), [numbered(2)])

    def test_take_over(self) -> None:
        """Messages that came over from elsewhere are there, with the UIDs and MODSEQs that clients know."""
        taken = TakenMailbox(1600000000, 50, 900, "Felsewhere")
        messages = [TakenMessage(Content.of(numbered(n)), 10 + n, modseq=500 + n) for n in range(3)]
        self.wait(self.account().take_over("There", taken, messages))
        self.cut_power()
        self.assertEqual(self.contents("There"), [numbered(0), numbered(1), numbered(2)])
        found = self.wait(self.opened("There").fetch([10, 11, 12], Item.FLAGS))
        self.assertEqual([(one.uid, one.modseq) for one in found], [(10, 500), (11, 501), (12, 502)])
        status = self.wait(self.account().status("There"))
        self.assertEqual((status.uidvalidity, status.mailbox_id), (1600000000, "Felsewhere"))
        self.assertGreaterEqual(status.uidnext, 50)
        self.assertGreaterEqual(status.highestmodseq, 900)

    def test_copy(self) -> None:
        """Copies are there."""
        uids = self.append(numbered(1), flags=["\\Seen"])
        self.wait(self.opened().copy(uids, "Sent"))
        self.cut_power()
        self.assertEqual(self.contents("Sent"), [numbered(1)])
        self.assertEqual(self.contents(), [numbered(1)])

    def test_move(self) -> None:
        """Moved messages are where they were moved to, and do not come back where they were."""
        uids = self.append(numbered(1), flags=["\\Seen"]) + self.append(numbered(2))
        self.wait(self.opened().move(uids, "Sent"))
        self.cut_power()
        self.assertEqual(self.contents("Sent"), [numbered(1), numbered(2)])
        self.assertEqual(self.contents(), [])


class PowerAndCRLFTests(PowerTests):
    """The same where files are kept as they were received."""

    options = attrs.evolve(PowerTests.options, line_ends="crlf")


class DirectPowerTests(PowerTests):
    """The same without a delivery journal."""

    options = attrs.evolve(PowerTests.options, journal=False)

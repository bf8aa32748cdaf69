"""What is answered is on stable storage: a disk that forgets everything that was not flushed."""

from __future__ import annotations

import errno
from typing import Any
from unittest import mock

import attrs

from mailframe.message.content import Content
from mailframe.store.values import Delivery, Item, NewMessage, TakenMailbox, TakenMessage

from .fixture import ALICE, BOB, FaultyFiles, numbered
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

    def test_other_file_system(self) -> None:
        """The same without links, and where a mailbox is on another file system; nothing is in no mailbox."""
        self.patch(FaultyFiles, "link", mock.Mock(side_effect=OSError(errno.EPERM, "no links")))
        uids = self.append(numbered(1), flags=["\\Seen"]) + self.append(numbered(2))
        self.wait(self.opened().copy(uids, "Sent"))
        self.cut_power()
        self.assertEqual(self.contents("Sent"), [numbered(1), numbered(2)])
        rename, unlink = FaultyFiles.rename, FaultyFiles.unlink

        def renamed(files: Any, source: str, target: str) -> None:
            if source.split("/")[:-2] != target.split("/")[:-2]:
                raise OSError(errno.EXDEV, "elsewhere", target)
            rename(files, source, target)

        def removed(files: Any, path: str) -> None:
            unlink(files, path)
            if path.split("/")[-2] in ("new", "cur"):
                # Another file system may have forgotten nothing of this one's at this moment.
                away = [self.path(".Away", directory) for directory in ("new", "cur")]
                durable.append(any(files.names_on_disk.get(directory) for directory in away))

        durable: list[bool] = []
        self.patch(FaultyFiles, "rename", renamed)
        self.patch(FaultyFiles, "unlink", removed)
        self.wait(self.account().create("Away"))
        self.wait(self.opened("Sent").move(list(self.messages("Sent"))[:1], "Away"))
        self.assertEqual(durable, [True])
        self.cut_power()
        self.assertEqual(self.contents("Away"), [numbered(1)])

    def test_expunge(self) -> None:
        """What was removed is in no other message's place, and does not come back from the delivery journal."""
        self.deliver(*map(numbered, range(4)))
        before = self.messages()
        self.wait(self.opened().remove(list(before)[:2]))
        self.cut_power()
        found = self.messages()
        self.assertEqual(set(found.values()) & {numbered(2), numbered(3)}, {numbered(2), numbered(3)})
        self.assertEqual(len(set(found.values())), len(found))
        # An unlink alone is nobody's promise: but what is there again has its old UID, or a new one.
        known = {uid: octets for uid, octets in found.items() if uid in before}
        self.assertEqual(known, {uid: before[uid] for uid in known})
        (new,) = self.append(numbered(5))
        self.assertGreater(new, max(before))

    def test_rename(self) -> None:
        """A mailbox that was renamed has its new name, its messages and their UIDs."""
        self.wait(self.account().create("Work"))
        uids = self.append(numbered(1), numbered(2), mailbox="Work")
        identity = self.wait(self.account().status("Work")).mailbox_id
        self.wait(self.account().rename("Work", "Done/2026"))
        self.cut_power()
        names = {entry.name for entry in self.wait(self.account().mailboxes()) if entry.selectable}
        self.assertEqual(names, {"INBOX", "Sent", "Done", "Done/2026"})
        self.assertEqual(self.messages("Done/2026"), dict(zip(uids, [numbered(1), numbered(2)], strict=True)))
        self.assertEqual(self.wait(self.account().status("Done/2026")).mailbox_id, identity)

    def test_delete(self) -> None:
        """A mailbox that was deleted does not come back."""
        self.wait(self.account().create("Work"))
        self.append(numbered(1), mailbox="Work")
        self.wait(self.account().delete("Work"))
        self.cut_power()
        self.assertNotIn("Work", [entry.name for entry in self.wait(self.account().mailboxes())])


class PowerAndCRLFTests(PowerTests):
    """The same where files are kept as they were received."""

    options = attrs.evolve(PowerTests.options, line_ends="crlf")


class DirectPowerTests(PowerTests):
    """The same without a delivery journal."""

    options = attrs.evolve(PowerTests.options, journal=False)

"""Dovecot serves the same folders: UIDs are given out together."""

from __future__ import annotations

import contextlib
import os
import shutil
import time

import attrs

from mailframe.store.adoption import uidlist
from mailframe.store.maildir import beside, look
from mailframe.store.values import FLAGGED, INBOX

from .fixture import MaildirCase, numbered

GUID = "3085f01b7f11094c501100008c4a11c1"
HEAD = f"3 V1234567 N9 G{GUID}\n"


class BesideCase(MaildirCase):
    """Lists are kept, and another program's changes are looked for each time."""

    options = attrs.evolve(MaildirCase.options, dovecot_uidlist=True)

    def setUp(self) -> None:
        super().setUp()
        self.patch(look, "UNSETTLED_SECONDS", 0.0)
        self.patch(look, "UNSETTLED_SHARE", 0)
        self.patch(look, "SHARE", 0)

    def tree(self) -> None:
        for name in ("cur", "new", "tmp"):
            os.makedirs(self.path(name), exist_ok=True)

    def listed(self, folder: str = "") -> uidlist.UidList:
        """The list, which must be whole."""
        with open(self.path(folder, "dovecot-uidlist"), "rb") as file:
            octets = file.read()
        found = uidlist.read(octets)
        self.assertEqual(octets.count(b"\n"), len(found.records) + 1)
        self.assertEqual(os.path.exists(self.path(folder, "dovecot-uidlist.lock")), False)
        return found

    def add_to_list(self, text: str) -> None:
        """Dovecot appends."""
        with open(self.path("dovecot-uidlist"), "a", encoding="ascii") as file:
            file.write(text)

    def agrees(self, mailbox: str = INBOX, folder: str = "") -> None:
        """The list has each message of the mailbox under its UID, and no UID for two."""
        uids = self.messages(mailbox)
        found = {record.file: record.uid for record in self.listed(folder).records}
        for directory in ("new", "cur"):
            for name in self.names(folder, directory):
                with open(self.path(folder, directory, name), "rb") as file:
                    octets = file.read().replace(b"\n", b"\r\n")
                self.assertEqual(uids.pop(found[name.partition(":")[0]]), octets)
        self.assertEqual(uids, {})
        self.assertGreaterEqual(self.listed(folder).uidnext, max(found.values(), default=0) + 1)


class NumberingTests(BesideCase):
    """UIDs that this store gives out are in Dovecot's list."""

    def test_all_ways_in(self) -> None:
        """Messages that are delivered, appended, copied and moved are in the lists of their folders."""
        self.deliver(numbered(1), numbered(2))
        self.append(numbered(3), flags=[FLAGGED])
        mailbox = self.opened()
        self.wait(mailbox.copy([1, 2], "Sent"))
        self.wait(mailbox.move([3], "Sent"))
        self.put("new", "1700000000.x.other", octets=b"Subject: other\n\nprogram\n")
        self.agrees()
        self.agrees("Sent", ".Sent")
        self.assertEqual([record.uid for record in self.listed(".Sent").records], [1, 2, 3])
        status = self.wait(self.account().status(INBOX))
        self.assertEqual(
            (self.listed().uidvalidity, self.listed().uidnext), (status.uidvalidity, status.uidnext)
        )

    def test_taken_over(self) -> None:
        """Dovecot's list goes on: what it says of messages and mailbox stays in it."""
        self.tree()
        self.put("cur", "1600000001.a.host:2,S")
        with open(self.path("dovecot-uidlist"), "w", encoding="ascii") as file:
            file.write(HEAD + "7 Pname :1600000001.a.host\n")
        self.deliver(numbered(1))
        self.agrees()
        listed = self.listed()
        self.assertEqual((listed.guid, listed.records[0].extension("P")), (GUID, "name"))
        self.assertEqual([record.uid for record in listed.records], [7, 9])

    def test_dovecot_numbers(self) -> None:
        """A message that Dovecot has numbered has the same UID here, and the next one's is higher."""
        self.deliver(numbered(1))
        self.put("cur", "1700000001.b.host:2,S", octets=numbered(2).replace(b"\r\n", b"\n"))
        self.put("new", "1700000000.a.host", octets=numbered(3).replace(b"\r\n", b"\n"))
        self.add_to_list("20 :1700000001.b.host\n")
        self.assertEqual(self.messages(), {1: numbered(1), 20: numbered(2), 21: numbered(3)})
        self.deliver(numbered(4))
        self.agrees()

    def test_dovecot_is_ahead(self) -> None:
        """UIDs that Dovecot has given out meanwhile are given to nobody else."""
        self.deliver(numbered(1))
        self.add_to_list("30 :1700000001.gone.host\n")
        self.assertEqual(self.append(numbered(2)), [31])

    def test_written_anew(self) -> None:
        """A list that is lost, broken, of an old version or says otherwise is written anew, as clients know UIDs."""
        self.deliver(numbered(1), numbered(2))
        file = self.listed().records[0].file
        validity = self.listed().uidvalidity
        for text in (
            None, "", "nonsense\n", f"1 {validity} 3\n1 {file}\n", f"3 V{validity} N9 G{GUID}\n5 :{file}\n",
            f"3 V5 N9 G{GUID}\n1 Pname :{file}\n",
        ):  # fmt: skip
            os.unlink(self.path("dovecot-uidlist"))
            if text is not None:
                self.add_to_list(text)
            self.deliver(numbered(3))
            self.agrees()
            self.assertEqual(self.listed().uidvalidity, validity)
        self.assertEqual((self.listed().guid, self.listed().records[0].extension("P")), (GUID, "name"))

    def test_switched_on_later(self) -> None:
        """An account that had no lists gets them with the next message."""
        self.wait(self.store.stop())
        self.store = self.started(options=attrs.evolve(self.options, dovecot_uidlist=False))
        self.deliver(numbered(1))
        self.assertNotIn("dovecot-uidlist", self.names())
        self.restarted()
        self.deliver(numbered(2))
        self.agrees()

    def test_several_processes(self) -> None:
        """Two processes of this store keep one list."""
        other = self.started()
        self.addCleanup(lambda: self.wait(other.stop()))
        for number in range(6):
            self.store, other = other, self.store
            self.deliver(numbered(number))
        self.agrees()


class LockTests(BesideCase):
    """The list is locked as Dovecot locks it."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(beside, "LOCK_SECONDS", 0.05)
        self.deliver(numbered(1))
        self.lock = self.path("dovecot-uidlist.lock")

    def test_held(self) -> None:
        """While Dovecot holds the lock for long, a message is not taken, and it is tried again later."""
        open(self.lock, "w").close()
        (status,) = self.deliver(numbered(2))
        self.assertTrue(status.temporary)
        os.unlink(self.lock)
        self.deliver(numbered(3))
        self.agrees()
        self.assertEqual(self.contents(), [numbered(1), numbered(3)])

    def test_stale(self) -> None:
        """A lock that a crash has left is removed."""
        open(self.lock, "w").close()
        old = time.time() - beside.STALE_SECONDS - 5
        os.utime(self.lock, (old, old))
        self.deliver(numbered(2))
        self.agrees()


class FaultTests(BesideCase):
    """Faults of the disk."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(beside, "LOCK_SECONDS", 0.0)

    def test_faults(self) -> None:
        """Whatever operation fails, no UID names two messages, here or in the list."""
        self.tree()
        for number in range(1, 40):
            shutil.rmtree(self.path(), ignore_errors=True)
            self.restarted()
            self.deliver(numbered(1))
            self.add_to_list("5 :1700000001.gone.host\n")
            self.files.break_at(number)
            with contextlib.suppress(AssertionError):
                self.deliver(numbered(2))
                self.append(numbered(3))
                self.wait(self.opened().copy([1], INBOX))
            self.files.mend()
            with contextlib.suppress(FileNotFoundError):
                # It could not be removed; Dovecot, or we, do when it is old.
                os.unlink(self.path("dovecot-uidlist.lock"))
            self.deliver(numbered(4))
            self.assertIn(numbered(4), self.contents())
            self.agrees()

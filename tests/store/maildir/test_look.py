"""Other programs in the same Maildir: what they deliver, flag, move and remove is noticed."""

from __future__ import annotations

import os
import shutil
import time

from mailframe.store.maildir import look
from mailframe.store.values import FLAGGED, INBOX, SEEN, FlagChange, Item

from .fixture import MaildirCase, numbered

HOUR = 3600


class OtherProgramsTests(MaildirCase):
    """A Maildir is shared with programs that know nothing of the catalogue."""

    def setUp(self) -> None:
        super().setUp()
        # Listing takes no time here, so it need not be bounded; `BoundedTests` has the bounds.
        self.patch(look, "UNSETTLED_SECONDS", 0.0)
        self.patch(look, "UNSETTLED_SHARE", 0)
        self.patch(look, "SHARE", 0)

    def test_delivery(self) -> None:
        """A file that another program puts into new/ is a message, with CRLF line ends, size and date."""
        self.deliver(numbered(1))
        mailbox = self.opened()
        since = self.wait(mailbox.snapshot()).modseq
        path = self.put("new", "1600000000.1.other", octets=b"Subject: x\n\nbody\n")
        os.utime(path, (1_600_000_000, 1_600_000_000))
        changes = self.wait(mailbox.changes(since))
        (message,) = changes.messages
        self.assertEqual(changes.recent, {message.uid})
        self.assertEqual(self.messages()[message.uid], b"Subject: x\r\n\r\nbody\r\n")
        items = Item.SIZE | Item.DATE | Item.ENVELOPE
        (message,) = self.wait(mailbox.fetch([message.uid], items))
        self.assertEqual((message.size, message.internal_date), (20, 1_600_000_000))
        self.assertEqual(message.description.envelope, b"(20)")

    def test_delivery_in_the_same_instant(self) -> None:
        """A file that comes in the same grain of time as one of ours is noticed too."""
        self.deliver(numbered(1))
        taken = os.stat(self.path("new")).st_mtime_ns
        self.put("new", "1700000000.1.other")
        os.utime(self.path("new"), ns=(taken, taken))
        self.assertEqual(len(self.contents()), 2)

    def test_flagged_in_new(self) -> None:
        """A message that another program puts back into new/, with a flag, is the same message with that flag."""
        self.deliver(numbered(1))
        mailbox = self.opened()
        self.wait(mailbox.snapshot())
        (name,) = self.names("cur")
        os.rename(self.path("cur", name), self.path("new", name + "F"))
        self.assertEqual(self.flags(), {1: frozenset({FLAGGED})})
        self.assertEqual((self.names("new"), self.names("cur")), ([], [name + "F"]))

    def test_status_notices(self) -> None:
        """STATUS counts what another program delivered."""
        self.deliver(numbered(1))
        self.wait(self.account().status(INBOX))
        self.put("new", "1700000000.1.other")
        self.assertEqual(self.wait(self.account().status(INBOX)).messages, 2)

    def test_hint(self) -> None:
        """Sessions are told when one of them has noticed it."""
        self.deliver(numbered(1))
        mailbox, told = self.opened(), []
        self.wait(mailbox.snapshot())
        mailbox.listen(lambda: told.append(1))
        self.put("new", "1700000000.1.other")
        self.wait(self.account().status(INBOX))
        self.assertEqual(told, [1])

    def test_flags(self) -> None:
        """Flags that another program puts into a file's name are the message's flags; unknown letters stay."""
        self.deliver(numbered(1))
        mailbox = self.opened()
        since = self.wait(mailbox.snapshot()).modseq
        (name,) = self.names("cur")
        os.rename(self.path("cur", name), self.path("cur", name + "FPSa"))
        changes = self.wait(mailbox.changes(since))
        self.assertEqual([message.flags for message in changes.messages], [{SEEN, FLAGGED}])
        self.wait(mailbox.store([1], FlagChange.REMOVE, frozenset({FLAGGED})))
        self.assertTrue(self.names("cur")[0].endswith(":2,PSa"))

    def test_flags_changed_under_us(self) -> None:
        """A file that was renamed a moment ago is found for reading, flags and copies."""
        (uid,) = self.append(numbered(1), flags=[SEEN])
        mailbox = self.opened()
        self.wait(mailbox.snapshot())
        for work in (
            lambda: mailbox.store([uid], FlagChange.ADD, frozenset({FLAGGED})),
            lambda: mailbox.copy([uid], "Sent"),
            lambda: mailbox.fetch([uid], Item.ENVELOPE),
        ):
            (name,) = self.names("cur")
            os.rename(self.path("cur", name), self.path("cur", name + "R"))
            self.wait(work())
            self.assertEqual(self.contents(), [numbered(1)])
        self.assertEqual(self.contents("Sent"), [numbered(1)])

    def test_removed(self) -> None:
        """A message whose file another program removed has vanished."""
        uids = self.append(numbered(1), numbered(2), flags=[SEEN])
        mailbox = self.opened()
        since = self.wait(mailbox.snapshot()).modseq
        os.unlink(self.path("cur", self.names("cur")[0]))
        self.assertEqual(list(self.wait(mailbox.changes(since)).vanished), uids[:1])
        self.assertEqual(list(self.messages()), uids[1:])

    def test_removed_under_us(self) -> None:
        """Expunging and moving what is gone already does what is left to do."""
        uids = self.append(numbered(1), numbered(2), numbered(3), flags=[SEEN])
        mailbox = self.opened()
        self.wait(mailbox.snapshot())
        names = self.names("cur")
        os.unlink(self.path("cur", names[0]))
        self.assertEqual(self.wait(mailbox.remove(uids[:2])), [uids[1]])
        os.unlink(self.path("cur", names[2]))
        self.assertEqual(list(self.wait(mailbox.move(uids, "Sent")).source), [])
        self.assertEqual(self.contents(), [])

    def test_moved_to_cur(self) -> None:
        """A message that another program moved from new/ to cur/ stays the message it was."""
        self.deliver(numbered(1))
        (uid,) = self.messages()
        (name,) = self.names("new")
        os.rename(self.path("new", name), self.path("cur", name + ":2,"))
        self.assertEqual(self.messages(), {uid: numbered(1)})

    def test_in_both(self) -> None:
        """A file that is in new/ and cur/ for a moment is one message."""
        self.deliver(numbered(1))
        (uid,) = self.messages()
        (name,) = self.names("new")
        os.link(self.path("new", name), self.path("cur", name + ":2,S"))
        self.assertEqual(self.messages(), {uid: numbered(1)})

    def test_order(self) -> None:
        """Several files get UIDs in the order they were delivered."""
        self.deliver(numbered(0))
        self.contents()
        for number in (30, 4, 100):
            self.put("new", f"{number}.1.other", octets=b"%d\n" % number)
        self.assertEqual(self.contents()[1:], [b"4\r\n", b"30\r\n", b"100\r\n"])

    def test_strange_files(self) -> None:
        """Hidden files are not mail; files with odd names and forms are."""
        self.deliver(numbered(0))
        self.put("cur", ".nfs0001")
        self.put("cur", "mixed:2,S", octets=b"a\r\nb\nc\r\n")
        self.put("cur", "crlf:2,S", octets=b"a\r\nb\r\n")
        self.put("cur", "empty:2,S", octets=b"")
        self.put("cur", "told,S=4,W=6:2,S", octets=b"a\nb\n")
        found = sorted(self.contents())
        self.assertEqual(found, sorted([b"", b"a\r\nb\r\n", b"a\r\nb\r\n", b"a\r\nb\r\nc\r\n", numbered(0)]))

    def test_folder(self) -> None:
        """A folder that another program made is a mailbox, by its name in modified UTF-7."""
        self.deliver(numbered(1))
        for folder in (".Entw&APw-rfe", ".Lists.dev"):
            for name in ("cur", "new", "tmp"):
                os.makedirs(self.path(folder, name))
        os.makedirs(self.path(".not-a-mailbox"))
        self.put(".Lists.dev", "new", "1.1.other")
        names = [entry.name for entry in self.wait(self.account().mailboxes()) if entry.selectable]
        self.assertEqual(names, ["INBOX", "Entwürfe", "Lists/dev", "Sent"])
        self.assertEqual(len(self.contents("Lists/dev")), 1)

    def test_folder_is_gone(self) -> None:
        """A folder whose directory was removed is an empty mailbox."""
        self.append(numbered(1), mailbox="Sent")
        shutil.rmtree(self.path(".Sent"))
        self.assertEqual(self.contents("Sent"), [])
        self.append(numbered(2), mailbox="Sent")
        self.assertEqual(self.contents("Sent"), [numbered(2)])

    def test_existing_maildir(self) -> None:
        """A Maildir that was there before us is taken over with its folders, flags and messages."""
        for folder in (".", ".Sent"):
            for name in ("cur", "new", "tmp"):
                os.makedirs(self.path(folder, name))
        self.put("cur", "1.1.old:2,FS", octets=b"one\n")
        self.put("new", "2.1.old", octets=b"two\n")
        self.put(".Sent", "cur", "3.1.old:2,S", octets=b"three\n")
        self.assertEqual(self.contents(), [b"one\r\n", b"two\r\n"])
        self.assertEqual(list(self.flags().values()), [{SEEN, FLAGGED}, frozenset()])
        self.assertEqual(self.contents("Sent"), [b"three\r\n"])

    def test_unreadable_file(self) -> None:
        """One file that cannot be read does not hide the others."""
        self.deliver(numbered(1))
        self.put("new", "1.1.other")
        self.files.break_on("open")
        self.assertEqual(self.wait(self.account().status(INBOX)).messages, 1)
        self.files.mend()
        os.utime(self.path("new"))
        self.assertEqual(len(self.contents()), 2)

    def test_sweep(self) -> None:
        """What crashed writers left in tmp/ goes when it is old, and not before."""
        self.deliver(numbered(1))
        for name, age in (("old", 37 * HOUR), ("young", HOUR)):
            path = self.put("tmp", name)
            os.utime(path, (time.time() - age,) * 2)
        os.makedirs(self.path("tmp", "deleted-x", "cur"))
        os.utime(self.path("tmp", "deleted-x"), (1, 1))
        os.utime(self.path("cur"))
        self.contents()
        self.assertEqual(self.names("tmp"), ["young"])


class BoundedTests(MaildirCase):
    """Directories are listed no more often than needed."""

    def lists(self, work) -> int:
        """How often a directory was listed meanwhile."""
        calls = []
        names = type(self.files).names
        self.patch(type(self.files), "names", lambda files, path: calls.append(path) or names(files, path))
        work()
        self.patch(type(self.files), "names", names)
        return len(calls)

    def test_settled(self) -> None:
        """Where nothing happened for a while nothing is listed."""
        self.deliver(numbered(1))
        mailbox = self.opened()
        for name in ("new", "cur"):
            os.utime(self.path(name), (1_600_000_000, 1_600_000_000))
        since = self.wait(mailbox.snapshot()).modseq
        for name in ("new", "cur"):
            os.utime(self.path(name), (1_600_000_000, 1_600_000_000))
        self.restarted()
        mailbox = self.opened()
        self.wait(mailbox.changes(since))
        self.assertEqual(self.lists(lambda: self.wait(mailbox.changes(since))), 0)

    def test_own_changes(self) -> None:
        """Our own deliveries and flags do not make us list directories again and again."""
        self.deliver(numbered(1))
        mailbox = self.opened()
        self.wait(mailbox.snapshot())

        def work() -> None:
            for number in range(20):
                self.deliver(numbered(number))
                self.wait(mailbox.changes(1))
                self.wait(mailbox.store([1], FlagChange.ADD, frozenset({FLAGGED})))
                self.wait(mailbox.store([1], FlagChange.REMOVE, frozenset({FLAGGED})))

        self.assertLessEqual(self.lists(work), 2)

    def test_large_and_busy(self) -> None:
        """A mailbox whose listing takes long is listed for a small share of the time, however often it changes."""
        self.deliver(numbered(1))
        mailbox = self.opened()
        self.wait(mailbox.snapshot())
        self.patch(look, "SHARE", 1_000_000)

        def work() -> None:
            for number in range(5):
                self.put("cur", f"{number}.1.other:2,S")
                self.wait(mailbox.changes(1))

        self.assertLessEqual(self.lists(work), 3)

"""Odd names and odd things in a Maildir: no message is hidden, lost or put in another's place by them."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from unittest import mock

from mailframe.message.status import MailframeError
from mailframe.store.checking import Kind
from mailframe.store.maildir import listing, look
from mailframe.store.maildir.reading import LARGE
from mailframe.store.maildrop.checking import Checking
from mailframe.store.values import FLAGGED, SEEN, FlagChange, Span

from .fixture import MaildirCase, numbered

FILE = "1600000000.1.other"


class OddCase(MaildirCase):
    """A mailbox with one message, which is looked at whenever something happened."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(look, "UNSETTLED_SECONDS", 0.0)
        self.patch(look, "UNSETTLED_SHARE", 0)
        self.patch(look, "SHARE", 0)
        self.deliver(numbered(0))
        self.contents()

    def found(self) -> list[bytes]:
        """What other programs have put there."""
        return sorted(octets for octets in self.contents() if octets != numbered(0))

    def check(self, **arguments: bool) -> Checking:
        checking = Checking(**arguments)
        while not self.wait(self.store.work("alice@example.test", checking.step)):
            pass
        return checking


class DoubleTests(OddCase):
    """Files with one name."""

    def test_flags_differ(self) -> None:
        """Two files whose names differ in flags only are two messages, and each keeps its flags."""
        self.put("cur", FILE + ":2,", octets=b"one\n")
        self.put("cur", FILE + ":2,S", octets=b"two\n")
        self.assertEqual(self.found(), [b"one\r\n", b"two\r\n"])
        self.assertEqual(sorted(map(sorted, self.flags().values())), [[], [], [SEEN]])
        self.assertEqual(self.check(octets=True).found.listed, [])

    def test_known_one(self) -> None:
        """The message that was there first stays what it is, and no change of flags puts it in the other's place."""
        self.put("cur", FILE + ":2,S", octets=b"one\n")
        self.assertEqual(self.messages()[2], b"one\r\n")
        self.put("cur", FILE + ":2,", octets=b"two\n")
        mailbox = self.opened()
        self.wait(mailbox.snapshot())
        for how in (FlagChange.REMOVE, FlagChange.ADD):
            self.wait(mailbox.store([2], how, frozenset({SEEN})))
        self.assertEqual(self.messages()[2], b"one\r\n")
        self.assertEqual(self.found(), [b"one\r\n", b"two\r\n"])

    def test_new_and_cur(self) -> None:
        """Nor does one in new/ hide another one in cur/."""
        self.put("cur", FILE + ":2,", octets=b"one\n")
        self.put("new", FILE, octets=b"two\n")
        self.assertEqual(self.found(), [b"one\r\n", b"two\r\n"])

    def test_flagged_in_new(self) -> None:
        """A file with flags in new/ is not put in the place of another one."""
        self.put("cur", FILE + ":2,S", octets=b"one\n")
        self.put("new", FILE + ":2,S", octets=b"two\n")
        self.assertEqual(self.found(), [b"one\r\n", b"two\r\n"])

    def test_links(self) -> None:
        """Two names of one file are one message; what a crash has left of it goes when it is old."""
        path = self.put("cur", FILE + ":2,", octets=b"one\n")
        os.link(path, self.path("cur", FILE + ":2,S"))
        self.assertEqual((self.found(), self.flags()[2]), ([b"one\r\n"], {SEEN}))
        self.assertEqual(len(self.names("cur")), 2, "the other program may remove the old one itself")
        self.patch(listing, "CRASHED_SECONDS", -1)
        os.utime(self.path("cur"))
        self.assertEqual((self.found(), self.flags()[2]), ([b"one\r\n"], {SEEN}))
        self.assertIn(FILE + ":2,S", self.names("cur"))
        self.assertNotIn(FILE + ":2,", self.names("cur"))

    def test_renamed_while_listed(self) -> None:
        """A file that a listing missed, because it got another name meanwhile, is not taken for removed."""
        self.put("cur", FILE + ":2,", octets=b"one\n")
        before = self.messages()
        names, infos = self.files.names, ["F", "", "S"]

        def missing(path: str) -> list[str]:
            found = names(path)
            if path.endswith("cur") and infos:
                (name,) = found
                os.rename(self.path("cur", name), self.path("cur", f"{FILE}:2,{infos.pop()}"))
                return []
            return found

        os.utime(self.path("cur"))
        with mock.patch.object(type(self.files), "names", lambda _, path: missing(path)):
            self.assertEqual(self.messages(), before)
        self.assertEqual((self.flags()[2], infos), ({FLAGGED}, []))


class NameTests(OddCase):
    """Names that no program of ours writes."""

    def test_not_text(self) -> None:
        """A name that is not UTF-8 gets another one, and its message keeps its flags."""
        self.put("new", "1.1.o\udcff", octets=b"one\n")
        self.put("cur", "1.2.o\udcff:2,FSx", octets=b"two\n")
        self.put("cur", "1.3.o:2,F\udcff", octets=b"three\n")
        self.put("cur", "1.4.\n ö:2,F", octets=b"four\n")
        self.assertEqual(self.found(), [b"four\r\n", b"one\r\n", b"three\r\n", b"two\r\n"])
        flags = sorted(map(sorted, self.flags().values()))
        self.assertEqual(flags, [[], [], [FLAGGED], [FLAGGED], [FLAGGED, SEEN]])

    def test_long(self) -> None:
        """A message whose name leaves no room for flags can be flagged, moved and removed all the same."""
        self.put("new", "1." + "x" * 253, octets=b"one\n")
        self.put("cur", "2." + "y" * 249 + ":2,", octets=b"two\n")
        self.assertEqual(self.found(), [b"one\r\n", b"two\r\n"])
        mailbox = self.opened()
        uids = list(self.wait(mailbox.snapshot()).uids)
        self.wait(mailbox.store(uids, FlagChange.ADD, frozenset({SEEN, FLAGGED})))
        self.assertEqual(set(self.flags().values()), {frozenset({SEEN, FLAGGED})})
        self.assertEqual(len(self.wait(mailbox.move(uids, "Sent")).target), 3)


class FolderTests(OddCase):
    """Folders of names that no mailbox can have."""

    def test_not_text(self) -> None:
        """A folder whose name is not UTF-8 is no mailbox, and hides no other one."""
        for folder in (".\udcff", ".Work"):
            os.makedirs(self.path(folder, "cur"))
        names = [entry.name for entry in self.wait(self.account().mailboxes())]
        self.assertEqual(sorted(names), ["INBOX", "Sent", "Work"])


class ThingTests(OddCase):
    """Things that are no files."""

    def setUp(self) -> None:
        super().setUp()
        # What waits for a FIFO, or reads a device to its end, never comes back.
        signal.signal(signal.SIGALRM, lambda *_: self.fail("it hangs"))
        signal.alarm(5)
        self.addCleanup(signal.alarm, 0)

    def test_no_messages(self) -> None:
        """Directories, FIFOs, devices and links are no messages, and the mail beside them is there."""
        os.mkfifo(self.path("new", "1.1.o"))
        os.mkfifo(self.path("cur", "1.1.p,S=4,W=5:2,"))
        os.mkdir(self.path("cur", "1.2.o:2,"))
        os.mkdir(self.path("cur", "1.3.o,S=4,W=5:2,"))
        os.symlink("/dev/zero", self.path("new", "1.4.o"))
        os.symlink("/etc/hostname", self.path("cur", "1.5.o,S=4,W=5:2,S"))
        os.symlink("/nowhere", self.path("cur", "1.6.o:2,S"))
        self.put("cur", "1.7.o:2,S", octets=b"mail\n")
        self.assertEqual(self.found(), [b"mail\r\n"])

    def test_exchanged(self) -> None:
        """A message's file that somebody exchanges for a link or a FIFO is not followed, nor waited for."""
        elsewhere = self.put("tmp", "elsewhere", octets=b"x" * 2 * LARGE)
        exchanges = itertools.product((4, 2 * LARGE), (lambda path: os.symlink(elsewhere, path), os.mkfifo))
        for number, (size, make) in enumerate(exchanges):
            path = self.put("cur", f"1.{number}.o,S={size},W={size}:2,S", octets=b"x" * size)
            mailbox = self.opened()
            uid = list(self.wait(mailbox.snapshot()).uids)[-1]
            os.unlink(path)
            make(path)
            self.fails(mailbox.read([Span(uid, 1, 2)]), MailframeError)
            os.unlink(path)

    def test_check(self) -> None:
        """They are told of, and what cannot be mended is not said to be."""
        os.mkdir(self.path("cur", "1.2.o:2,"))
        found = self.check(mend=True).found
        self.assertEqual((found.wrong[Kind.EXTRA], found.mended[Kind.EXTRA]), (1, 0))

    def test_no_tmp(self) -> None:
        """Where somebody has tidied an empty tmp/ away, the mailbox is looked at all the same."""
        shutil.rmtree(self.path("tmp"))
        self.put("cur", FILE + ":2,", octets=b"one\n")
        self.assertEqual(self.found(), [b"one\r\n"])

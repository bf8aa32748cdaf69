"""Other programs and the same files: what they write is taken in, and what we write is what they expect."""

from __future__ import annotations

import mailbox
import os

from hypothesis import given, settings
from hypothesis import strategies as st

from mailframe.message.content import Content
from mailframe.message.status import MailframeError
from mailframe.store.mbox import layout, reading, writing
from mailframe.store.mbox import octets as octets_of
from mailframe.store.mbox.octets import message, stored
from mailframe.store.mbox.options import MboxOptions
from mailframe.store.values import ANSWERED, DELETED, FLAGGED, INBOX, SEEN, FlagChange, Item, NewMessage, Span

from .fixture import FROM, MboxCase, numbered

OTHER = FROM + b"Subject: other\n\nprogram\n\n"
LINES = st.sampled_from(
    [
        b"Subject: x\r\n",
        b"\r\n",
        b"From me\r\n",
        b">From you\r\n",
        b"\n",
        b"\r",
        b"text",
        b" folded\r\n",
        b"Status: R\r\n",
    ]
)


class OctetsTests(MboxCase):
    """Each octet of a message comes back."""

    @settings(deadline=None, max_examples=300)
    @given(st.lists(LINES, max_size=8).map(b"".join) | st.binary(max_size=80))
    def test_exact(self, octets: bytes) -> None:
        """Whatever a message is made of, it is read as it was written, but for fields that hold flags."""
        made = stored(octets, "mboxrd")
        self.assertEqual(message(made.header, made.body, made.form), made.octets)
        self.assertEqual(made.octets, octets_of.without_hidden(octets))
        self.assertTrue((made.body or made.header).endswith(b"\n"))

    def test_in_the_store(self) -> None:
        """Odd messages come back from their mailbox, also after the catalogue was lost."""
        odd = [
            b"Subject: a\r\n\r\nFrom me\r\n>From you\r\n>>From them\r\n",
            b"Subject: b\r\n\r\n" + FROM.replace(b"\n", b"\r\n") + b"X-UID: 7\r\n\r\nforged\r\n",
            b"Subject: c\r\n\r\n",
            b"Subject: d\r\n\r\nbare \n and \r within\r\n",
        ]
        self.append(*odd)
        self.assertEqual(self.contents(), odd)
        self.wait(self.store.stop())
        os.unlink(os.path.join(self.directory, "example.test", "alice", ".index", "catalogue.sqlite"))
        self.store = self.started()
        self.assertEqual(self.contents()[:3], odd[:3])

    def test_unfinished_lines(self) -> None:
        """A message without a line end, or without a body, or empty, comes back as it was."""
        odd = [b"Subject: a\r\n\r\nno end", b"Subject: only\r\n", b"Subject: not even", b"", b"\r\n", b"x\r"]
        self.append(*odd)
        self.assertEqual(self.contents(), odd)

    def test_forged_fields(self) -> None:
        """Fields that would set flags or UIDs do not come in with a message."""
        self.deliver(b"Status: RO\r\nX-UID: 4000\r\nSubject: x\r\nX-Status: D\r\n\r\nbody\r\n")
        self.assertEqual(self.messages(), {1: b"Subject: x\r\n\r\nbody\r\n"})
        self.assertEqual(self.flags(), {1: frozenset()})

    def test_mboxo_and_mboxcl2(self) -> None:
        """The other ways to write separators do what they say."""
        octets = b"Subject: x\r\n\r\n" + FROM.replace(b"\n", b"\r\n") + b"body\r\n"
        for format_, expected in (("mboxo", octets.replace(b"From", b">From")), ("mboxcl2", octets)):
            self.restarted(options=MboxOptions(threads=0, format=format_))
            self.append(octets, numbered(1), mailbox="Sent")
            self.assertEqual(self.contents("Sent")[-2:], [expected, numbered(1)])
        self.assertEqual(len(mailbox.mbox(self.path("Sent"))), 5)

    def test_large(self) -> None:
        """A large message is written and read piece by piece, at any offset, with all its quoted lines."""
        for module in (layout, reading, writing):
            self.patch(module, "LARGE", 1000)
        lines = (
            b"From here\r\n>From there\r\nand a line of text\r\n" * 9000
            + b"x" * 200_000
            + b"\r\nFrom the end"
        )
        octets = b"Subject: large\r\nStatus: RO\r\n\r\n" + lines
        expected = octets.replace(b"Status: RO\r\n", b"")
        (uid,) = self.append(octets)
        opened = self.opened()
        self.assertEqual(self.messages()[uid], expected)
        for offset in (0, 5, 31, 70_000, 200_001, len(expected) - 3, len(expected)):
            (piece,) = self.wait(opened.read([Span(uid, offset, 7000)]))
            self.assertEqual(piece, expected[offset : offset + 7000])
        (found,) = self.wait(opened.fetch([uid], Item.SIZE | Item.ENVELOPE))
        self.assertEqual((found.size, found.description.envelope), (len(expected), b"(%d)" % len(expected)))
        self.wait(opened.copy([uid], "Sent"))
        self.assertEqual(self.contents("Sent"), [expected])


class OthersTests(MboxCase):
    """What other programs do."""

    def test_appended(self) -> None:
        """A message that another program appends is a message, and gets its UID in the file."""
        self.deliver(numbered(1))
        opened = self.opened()
        since = self.wait(opened.snapshot()).modseq
        self.add(OTHER)
        (came,) = self.wait(opened.changes(since)).messages
        (found,) = self.wait(opened.fetch([came.uid], Item.DATE | Item.SIZE))
        self.assertEqual((found.internal_date, found.size), (1_700_000_000, 27))
        self.assertEqual(self.messages()[came.uid], b"Subject: other\r\n\r\nprogram\r\n")
        self.rest()
        self.assertIn(b"X-UID: %d\n" % came.uid, self.file())
        self.assertEqual(self.contents(), [numbered(1), b"Subject: other\r\n\r\nprogram\r\n"])

    def test_appended_before_ours(self) -> None:
        """Who came first has the lower UID."""
        self.deliver(numbered(1))
        self.add(OTHER)
        self.deliver(numbered(2))
        self.assertEqual(self.contents(), [numbered(1), b"Subject: other\r\n\r\nprogram\r\n", numbered(2)])

    def test_removed(self) -> None:
        """Messages that Python's mailbox module removes and adds vanish and come; the others keep their UIDs."""
        uids = self.append(*map(numbered, range(5)))
        opened = self.opened()
        since = self.wait(opened.snapshot()).modseq
        box = mailbox.mbox(self.path())
        box.lock()
        box.remove(1)
        box.remove(3)
        box.add(b"Subject: new\n\nnew\n")
        box.flush()
        box.close()
        changes = self.wait(opened.changes(since))
        self.assertEqual(list(changes.vanished), [uids[1], uids[3]])
        self.assertEqual([one.uid for one in changes.messages], [6])
        expected = {uid: numbered(number) for number, uid in enumerate(uids) if number not in (1, 3)}
        self.assertEqual(self.messages(), {**expected, 6: b"Subject: new\r\n\r\nnew\r\n"})

    def test_flags(self) -> None:
        """Flags that Python's mailbox module sets are the messages' flags, and the other way round."""
        (uid, other) = self.append(numbered(1), numbered(2))
        self.wait(self.opened().store([uid], FlagChange.ADD, frozenset({SEEN, FLAGGED, "$Work"})))
        self.rest()
        box = mailbox.mbox(self.path())
        self.assertEqual([one.get_flags() for one in box], ["ROF", ""])
        theirs = box[1]
        theirs.set_flags("RAD")
        box[1] = theirs
        box.flush()
        box.close()
        self.assertEqual(self.flags(), {uid: {SEEN, FLAGGED, "$Work"}, other: {SEEN, ANSWERED, DELETED}})

    def test_both_change_flags(self) -> None:
        """What we have not written yet is not lost when another program changes something else."""
        (uid, other) = self.append(numbered(1), numbered(2))
        self.wait(self.opened().store([uid], FlagChange.ADD, frozenset({FLAGGED})))
        self.put(self.file().replace(b"X-UID: 2\n", b"X-UID: 2\nStatus: RO\n"))
        self.assertEqual(self.flags(), {uid: {FLAGGED}, other: {SEEN}})
        self.rest()
        self.assertEqual([one.get_flags() for one in mailbox.mbox(self.path())], ["F", "RO"])

    def test_existing(self) -> None:
        """A file that an IMAP server kept is taken over with UIDVALIDITY, UIDs, flags and keywords."""
        self.put(
            FROM + b"X-IMAPbase: 1234567 0000000042 $Work\nX-UID: 7\nStatus: RO\nX-Keywords: $Work\nSubject: a\n\na\n\n"
            + FROM + b"Subject: b\nX-UID: 41\nStatus: O\nX-Status: A\n\nb\n\n" + FROM + b"Subject: c\n\nc\n"
        )  # fmt: skip
        opened = self.opened()
        self.wait(opened.snapshot())
        self.assertEqual(self.opened().uidvalidity, 1234567)
        self.assertEqual(self.flags(), {7: {SEEN, "$Work"}, 41: {ANSWERED}, 43: frozenset()})
        self.rest()
        self.assertIn(b"X-IMAPbase: 0001234567 0000000043 $Work\n", self.file())

    def test_catalogue_is_lost(self) -> None:
        """Without its catalogue a mailbox has the UIDs, flags and UIDVALIDITY that it had."""
        uids = self.append(numbered(1), numbered(2), numbered(3))
        opened = self.opened()
        self.wait(opened.store(uids[:1], FlagChange.ADD, frozenset({SEEN, "$Work"})))
        self.wait(opened.remove(uids[1:2]))
        self.restarted()
        before = self.messages(), self.flags(), self.opened().uidvalidity
        self.wait(self.store.stop())
        os.unlink(os.path.join(self.directory, "example.test", "alice", ".index", "catalogue.sqlite"))
        self.store = self.started()
        self.contents()
        self.assertEqual((self.messages(), self.flags(), self.opened().uidvalidity), before)

    def test_internal_message(self) -> None:
        """UW-IMAP's first message is no mail, and stays, with the numbers as they are."""
        self.put(
            FROM + b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1234567 0000000007\n\nText\n\n"
            + FROM + b"X-UID: 5\nSubject: a\n\na\n"
        )  # fmt: skip
        self.assertEqual(list(self.messages()), [5])
        self.append(numbered(1))
        self.rest()
        self.restarted()
        self.assertEqual(self.messages(), {5: b"Subject: a\r\n\r\na\r\n", 8: numbered(1)})
        self.assertIn(b"X-IMAP: 0001234567 0000000008\n", self.file())
        self.wait(self.opened().remove([5, 8]))
        self.assertIn(b"FOLDER INTERNAL DATA", self.file())

    def test_not_mbox(self) -> None:
        """What is no mbox file is left alone, and mail for it is refused for now."""
        self.deliver(numbered(1))
        self.put(b"MZ\x90 something else")
        self.assertTrue(self.deliver(numbered(2))[0].temporary)
        self.assertEqual(self.file(), b"MZ\x90 something else")

    def test_removed_file(self) -> None:
        """A file that somebody removed is an empty mailbox."""
        self.append(numbered(1))
        os.unlink(self.path())
        self.assertEqual(self.contents(), [])
        self.deliver(numbered(2))
        self.assertEqual(self.contents(), [numbered(2)])

    def test_mailbox_of_others(self) -> None:
        """A mailbox that another program made is one."""
        self.deliver(numbered(1))
        self.put(OTHER, "Lists/Entw&APw-rfe")
        self.assertEqual(self.contents("Lists/Entwürfe"), [b"Subject: other\r\n\r\nprogram\r\n"])

    def test_spool(self) -> None:
        """INBOX may lie in a spool of its own, and keeps its mode when it is rewritten."""
        spool = os.path.join(self.directory, "spool")
        os.makedirs(spool)
        self.restarted(options=MboxOptions(threads=0, inbox=spool + "/%{local}"))
        self.deliver(numbered(1), numbered(2))
        os.chmod(os.path.join(spool, "alice"), 0o660)
        (first, second) = self.messages()
        self.wait(self.opened().remove([first]))
        self.assertEqual(list(self.messages()), [second])
        self.assertEqual(os.stat(os.path.join(spool, "alice")).st_mode & 0o777, 0o660)
        self.assertEqual(os.listdir(spool), ["alice"])

    def test_one_inbox_for_all(self) -> None:
        """Accounts cannot be told to share one INBOX."""
        self.assertRaises(ValueError, MboxOptions, inbox="/var/mail/everybody")
        self.assertRaises(ValueError, MboxOptions, inbox="/var/mail/%{domain}")

    def test_plain_files(self) -> None:
        """Mailboxes may be plain files, as with UW-IMAP; then one has messages or inferiors."""
        self.restarted(options=MboxOptions(threads=0, folders="plain", mailboxes={}))
        account = self.account()
        self.wait(account.create("a/b"))
        self.append(numbered(1), mailbox="a/b")
        place = os.path.join(self.directory, "example.test", "alice", "a", "b")
        self.assertEqual(len(mailbox.mbox(place)), 1)
        for name in ("a", "a/b/c", "INBOX/x"):
            self.assertEqual(self.fails(account.create(name), MailframeError).status.word, "CANNOT", name)
        names = [(one.name, one.selectable) for one in self.wait(account.mailboxes())]
        self.assertEqual([one for one in names if one[0].startswith("a")], [("a", False), ("a/b", True)])

    def test_quiet(self) -> None:
        """A file that did not change is not read, and flags changed together are written together."""
        uids = self.append(*map(numbered, range(20)))
        opened = self.opened()
        since = self.wait(opened.snapshot()).modseq
        self.rest()
        before = os.stat(self.path()).st_ino
        for uid in uids:
            self.wait(opened.store([uid], FlagChange.ADD, frozenset({SEEN})))
        self.files.mend()
        self.wait(opened.changes(since))
        self.assertLessEqual(self.files.count, 2)
        self.assertEqual(os.stat(self.path()).st_ino, before)
        self.rest()
        self.assertNotEqual(os.stat(self.path()).st_ino, before)
        self.assertEqual({one.get_flags() for one in mailbox.mbox(self.path())}, {"RO"})

    def test_last_uid(self) -> None:
        """Each message that comes is counted in the first one, for other IMAP servers."""
        for number in range(3):
            self.wait(self.account().append(INBOX, [NewMessage(Content.of(numbered(number)))]))
            self.assertIn(b" %010d\n" % (number + 1), self.file())

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.text.interfaces import InBody, InHeader
from mailframe.store.text.sqlite import index
from mailframe.store.text.sqlite.index import SQLiteTexts, path_of, remove_texts
from mailframe.testing.text_index import TextIndexContract, mailbox_row, text


class SQLiteTextsTests(TextIndexContract, SynchronousTestCase):
    def setUp(self) -> None:
        """An index beside a catalogue."""
        directory = self.mktemp()
        os.mkdir(directory)
        self.catalogue = os.path.join(directory, "catalogue")
        self.index = self.opened()

    def opened(self) -> SQLiteTexts:
        found = SQLiteTexts(self.catalogue)
        self.addCleanup(found.close)
        return found

    def test_kept(self) -> None:
        """Texts outlive the process."""
        self.index.add(mailbox_row(), [text(1, "kept")], 1, 2)
        self.index.close()
        self.index = self.opened()
        self.assertEqual(self.index.covered(mailbox_row()), 2)
        self.assertEqual(self.ask(InBody("kept")), ([1], []))

    def test_private(self) -> None:
        """Nobody else can read texts, whatever others may do with new files."""
        self.addCleanup(os.umask, os.umask(0))
        for _ in range(2):
            self.index.close()
            self.index = self.opened()
            self.index.add(mailbox_row(), [text(1, "x")], 1, 2)
            directory = os.path.dirname(self.catalogue)
            for name in os.listdir(directory):
                self.assertEqual(os.stat(os.path.join(directory, name)).st_mode & 0o777, 0o600, name)
            self.index.close()
            remove_texts(self.catalogue)

    def test_slices(self) -> None:
        """A long search is done in parts."""
        self.patch(index, "SLICE_SECONDS", 0.0)
        self.patch(index, "BLOCK_OCTETS", 100)
        for uid in range(1, 6):
            self.index.add(mailbox_row(), [text(uid, "x" * 80)], uid, uid + 1)
        self.assertEqual(self.index.find(mailbox_row(), InBody("x")).next, 2)
        self.assertEqual(self.ask(InBody("x")), ([1, 2, 3, 4, 5], []))

    def test_long_text(self) -> None:
        """Texts longer than a block are kept, too."""
        texts = [text(uid, "x" * (index.BLOCK_OCTETS // 2 * uid) + "end") for uid in range(1, 5)]
        for each in texts:
            self.index.add(mailbox_row(), [each], each.uid, each.uid + 1)
        self.expect(texts, InBody("xend"))

    def test_damaged_while_open(self) -> None:
        """Damage is told as a fault of storage once; then texts are made again."""
        self.index.add(mailbox_row(), [text(1, "x" * 200_000)], 1, 2)
        self.index.close()
        with open(path_of(self.catalogue), "r+b") as file:
            file.seek(70_000)
            file.write(b"\xff" * (os.path.getsize(path_of(self.catalogue)) - 70_000))
        self.index = self.opened()
        with self.assertRaises(OSError):
            self.ask(InBody("x"))
            self.index.covered(mailbox_row())
        self.index = self.opened()
        self.assertEqual(self.index.covered(mailbox_row()), 1)

    def test_damaged_blocks(self) -> None:
        """Blocks that do not fit their directory, which SQLite cannot know, are noticed; texts are made again."""
        changes = (
            "bodies = x'ff', headers = x'ff'",
            "directory = x'00000000'",
            "directory = x'02'",
            "last = last + 5",
            "bodies = CAST(bodies || x'ff' AS BLOB), headers = CAST(headers || x'ff' AS BLOB)",
        )
        for change in changes:
            for wanted in (InBody("x"), InHeader("x")):
                self.index.add(mailbox_row(), [text(1, "x"), text(2, "x")], 1, 3)
                self.index._connection.execute(f"UPDATE blocks SET {change}")
                self.assertRaises(OSError, self.ask, wanted)
                self.index = self.opened()
                self.assertEqual(self.index.covered(mailbox_row()), 1)

    def test_no_index(self) -> None:
        """A file that is none, or that a newer version wrote, is made again."""
        self.index.close()
        remove_texts(self.catalogue)
        with open(path_of(self.catalogue), "wb") as file:
            file.write(b"no database" * 1000)
        self.index = self.opened()
        self.index.add(mailbox_row(), [text(1, "x")], 1, 2)
        for version in (1000, 0):
            self.index._connection.pragma("user_version", version)  # type: ignore[attr-defined]
            self.index.close()
            self.index = self.opened()
            self.assertEqual(self.index.covered(mailbox_row()), 1)

    def test_older_catalogue(self) -> None:
        """Where a catalogue was put back from a backup, texts of messages that it does not know are void."""
        self.index.add(mailbox_row(uidnext=100), [text(99, "x")], 1, 100)
        self.assertEqual(self.index.covered(mailbox_row(uidnext=50)), 1)
        self.index.add(mailbox_row(uidnext=50), [text(49, "y")], 1, 50)
        self.assertEqual(self.ask(InBody(""), mailbox_row(uidnext=200)), ([49], []))

    def test_two_processes(self) -> None:
        """What one process has added the other finds."""
        other = self.opened()
        self.assertEqual(other.covered(mailbox_row()), 1)
        self.index.add(mailbox_row(), [text(1, "x")], 1, 2)
        self.assertEqual(other.find(mailbox_row(), InBody("x")).uids, [1])

    def test_space(self) -> None:
        """What is written takes about its own size, also while the log is there."""
        for start in range(1, 4001, 250):
            texts = [text(uid, "x" * 2000) for uid in range(start, start + 250)]
            self.index.add(mailbox_row(), texts, start, start + 250)
        self.assertLess(self.index.size().octets, 4000 * 2000 * 1.3 + index.BLOCK_OCTETS * 6)
        self.index.close()
        remove_texts(self.catalogue)
        self.assertEqual(os.listdir(os.path.dirname(self.catalogue)), [])

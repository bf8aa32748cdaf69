"""What a lost power supply leaves of an index: whole transactions, so what is covered is there."""

from __future__ import annotations

import os
import shutil

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.text.interfaces import InBody
from mailframe.store.text.sqlite.index import SQLiteTexts, path_of
from mailframe.testing.text_index import mailbox_row, text

GROUPS = 12


class PowerTests(SynchronousTestCase):
    """An index that was written to, and whose log was not flushed to its end."""

    def setUp(self) -> None:
        """Keep what the disk would have: the file, and the log, as long as the index is open."""
        self.directory = self.mktemp()
        os.mkdir(self.directory)
        catalogue = os.path.join(self.directory, "catalogue")
        index = SQLiteTexts(catalogue)
        self.addCleanup(index.close)
        # All of it stays in the log.
        index._connection.pragma("wal_autocheckpoint", 0)
        for uid in range(1, GROUPS * 10, 10):
            texts = [text(number, f"number {number} " + "x" * 9000) for number in range(uid, uid + 10)]
            index.add(mailbox_row(), texts, uid, uid + 10)
        self.kept = os.path.join(self.directory, "kept")
        for suffix in ("", "-wal"):
            shutil.copyfile(path_of(catalogue) + suffix, self.kept + suffix)
        self.log_size = os.path.getsize(self.kept + "-wal")

    def lost(self, share: float) -> SQLiteTexts:
        """The index with so much of the log's end gone."""
        catalogue = os.path.join(self.directory, "after")
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(path_of(catalogue) + suffix):
                os.remove(path_of(catalogue) + suffix)
        for suffix in ("", "-wal"):
            shutil.copyfile(self.kept + suffix, path_of(catalogue) + suffix)
        os.truncate(path_of(catalogue) + "-wal", int(self.log_size * share))
        return SQLiteTexts(catalogue)

    @settings(max_examples=40)
    @given(st.floats(0, 1))
    def test_lost_end(self, share: float) -> None:
        """Each message below what is covered is found; the rest is covered anew, and then found, too."""
        index = self.lost(share)
        try:
            row = mailbox_row()
            covered = index.covered(row)
            self.assertEqual(covered % 10, 1)
            self.assertEqual(list(index.find(row, InBody("number")).uids), list(range(1, covered)))
            index.add(row, [text(covered, "number")], covered, covered + 1)
            self.assertEqual(list(index.find(row, InBody("number")).uids), list(range(1, covered + 1)))
        finally:
            index.close()

    def test_something_was_lost(self) -> None:
        """The log is where most of it is: these tests lose something."""
        index = self.lost(0.5)
        self.addCleanup(index.close)
        self.assertLess(index.covered(mailbox_row()), GROUPS * 10)

"""Journals that were left behind."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.files import Files
from mailframe.store.journal.journal import Journal, JournalFull, segment_size
from mailframe.store.journal.records import Entry
from mailframe.store.journal.slots import Slots


class SlotsTests(SynchronousTestCase):
    """Whatever was in a journal is found again."""

    def test_any_size(self) -> None:
        """Both halves of a journal are found, also where its size is no multiple of the blocks in it."""
        for size in (64 * 1024, 100_001, 131_071, 1_000_000):
            files, directory = Files(), self.mktemp()
            files.make_directory(directory)
            path, descriptor = Slots(files, directory, "boot-1").take(size)
            journal = Journal(files, directory, descriptor, size, "boot-1", lambda now: None)
            wanted = self.fill(journal, segment_size(size))
            files.close(descriptor)
            found: list[str] = []

            def restore(entries: Sequence[Entry], distrusted: bool, found: list[str] = found) -> None:
                found.extend(entry.file for entry in entries)

            Slots(files, directory, "boot-2").finish(restore)
            self.assertEqual(sorted(found), wanted, size)
            self.assertFalse(files.exists(path))

    def fill(self, journal: Journal, half: int) -> list[str]:
        """Write into both halves of a journal; the names of the files that are in it, sorted."""
        names: list[str] = []
        for number in range(1000):
            entry = Entry("a@b.test", "M1", "new", f"{number:04}", "", number + 1, 1, 0, bytes(half // 4))
            try:
                with journal._guard:
                    journal._append([entry])
            except JournalFull:
                return names
            names.append(entry.file)
        raise AssertionError("the journal is never full")

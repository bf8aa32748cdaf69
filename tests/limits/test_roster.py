"""The parent's side of the shared tallies."""

from __future__ import annotations

import os
import sys
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.limits.roster import Roster, read_saved, write_saved
from mailframe.limits.shared import SharedTallies
from mailframe.limits.table import Table

HOUR, QUIET = 3600.0, 900.0


class RosterTests(SynchronousTestCase):
    """Places, and what is kept over a restart."""

    def setUp(self) -> None:
        """No node runs."""
        self.clock = Clock()
        self.clock.advance(1_000_000_080)

    def node(self, saved: bytes | None = None, entries: int = 64) -> tuple[Roster, list[SharedTallies]]:
        """A node with two workers."""
        roster = Roster(2, saved, entries)
        self.addCleanup(roster.close)
        places = [roster.move_in(), roster.move_in()]
        return roster, [
            SharedTallies(Table(roster.descriptor), place, self.clock)
            for place in places
            if place is not None
        ]

    def saved(self, roster: Roster) -> bytes:
        """What the parent would write now."""
        return roster.save(self.clock.seconds())

    def test_restart(self) -> None:
        """After a restart of the node everybody has spent and failed as before, and nothing is open."""
        roster, (one, two) = self.node()
        for worker, amount in ((one, 3), (two, 4)):
            worker.enter("k", "a", 0)
            worker.spend("k", "a", amount, 0, HOUR)
            worker.fail("k", "a", QUIET)
            self.clock.advance(800)
        spent, failures = one.spent("k", "a", HOUR), one.failures("k", "a", QUIET)
        _, (one, two) = self.node(self.saved(roster))
        self.assertEqual((spent, failures, 0), (two.spent("k", "a", HOUR), 2, two.count("k", "a")))
        self.assertEqual(failures, two.failures("k", "a", QUIET))
        self.clock.advance(800)
        two.fail("k", "a", QUIET)
        self.assertEqual(1, one.failures("k", "a", QUIET))

    def test_twice(self) -> None:
        """A second restart remembers what the first did."""
        roster, (one, _) = self.node()
        one.spend("k", "a", 3, 0, HOUR)
        roster, (one, _) = self.node(self.saved(roster))
        one.spend("k", "a", 1, 0, HOUR)
        _, (_, two) = self.node(self.saved(roster))
        self.assertEqual(4, two.spent("k", "a", HOUR))

    def test_quiet_between(self) -> None:
        """Failures that were forgotten or forgiven are not remembered again."""
        roster, (one, two) = self.node()
        one.fail("k", "a", QUIET)
        one.fail("k", "b", QUIET)
        two.forgive("k", "b", 1, QUIET)
        self.clock.advance(1000)
        two.fail("k", "a", QUIET)
        _, (one, _) = self.node(self.saved(roster))
        self.assertEqual([1, 0], [one.failures("k", name, QUIET) for name in "ab"])

    def test_old(self) -> None:
        """What nobody can want any more is not kept."""
        roster, (one, _) = self.node()
        empty = len(self.saved(roster))
        one.spend("k", "a", 1, 0, HOUR)
        self.assertGreater(len(self.saved(roster)), empty)
        one.fail("k", "a", QUIET)
        self.clock.advance(QUIET + 1)
        self.assertGreater(len(self.saved(roster)), empty)
        self.clock.advance(HOUR * 1.2)
        self.assertEqual(empty, len(self.saved(roster)))

    def test_future(self) -> None:
        """What was counted while the clock was wrong is not kept when it is right again."""
        roster, (one, two) = self.node()
        empty = len(self.saved(roster))
        self.clock.advance(365 * 86400)
        one.spend("k", "a", 1, 0, HOUR)
        one.fail("k", "a", QUIET)
        self.clock.rightNow -= 365 * 86400
        self.assertEqual(empty, len(self.saved(roster)))
        two.spend("k", "a", 2, 0, HOUR)
        two.fail("k", "a", QUIET)
        _, (one, _) = self.node(self.saved(roster))
        self.assertEqual((2, 1), (one.spent("k", "a", HOUR), one.failures("k", "a", QUIET)))

    def test_longest_kept(self) -> None:
        """Where there is too much to keep, what counts for a week is kept before what counts for an hour."""
        roster, (one, two) = self.node(entries=8)
        one.spend("login.known", "alice", 1, 0, 7 * 86400.0)
        for number in range(60):
            self.clock.advance(1)
            two.spend("k", str(number), 1, 0, HOUR)
        _, (one, _) = self.node(self.saved(roster), entries=8)
        self.assertEqual(1, one.spent("login.known", "alice", 7 * 86400.0))

    def test_bounded(self) -> None:
        """What is kept fits into one place whatever many workers counted."""
        roster, workers = self.node(entries=8)
        for number in range(50):
            for worker in workers:
                worker.spend("k", f"{number}", 1, 0, HOUR)
            self.clock.advance(1)
        again, (one, _) = self.node(self.saved(roster), entries=8)
        self.assertEqual(2, one.spent("k", "49", HOUR))
        self.assertLessEqual(len(self.saved(again)), 1000)

    @given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda rest: b"mftally1" + bytes(16) + rest))
    def test_other_files(self, content: bytes) -> None:
        """A file that is something else, or was cut off, is refused and nothing else happens."""
        try:
            Roster(2, content, 8).close()
        except ValueError:
            pass

    def test_file(self) -> None:
        """The file is replaced as a whole, and only its owner can read it."""
        path = os.path.abspath(self.mktemp())
        self.assertIsNone(read_saved(path))
        for content in (b"1", b"2"):
            write_saved(path, content)
            self.assertEqual(content, read_saved(path))
        self.assertEqual(0o600, os.stat(path).st_mode & 0o777)
        self.assertEqual([os.path.basename(path)], os.listdir(os.path.dirname(path)))
        self.assertRaises(OSError, write_saved, os.path.join(path, "x"), b"")

    def test_killed_while_writing(self) -> None:
        """What a killed parent left half written is neither read nor in the way, and does not pile up."""
        path = os.path.abspath(self.mktemp())
        write_saved(path, b"1")
        with self.assertRaises(MemoryError), mock.patch("os.replace", side_effect=MemoryError):
            write_saved(path, b"2")
        self.assertEqual(b"1", read_saved(path))
        write_saved(path, b"3")
        self.assertEqual(b"3", read_saved(path))
        self.assertEqual([os.path.basename(path)], os.listdir(os.path.dirname(path)))

    def test_other_words(self) -> None:
        """A file of the right form with counts below nothing is none of ours."""
        roster, (one, _) = self.node()
        one.spend("k", "a", 3, 0, HOUR)
        one.fail("k", "a", QUIET)
        saved = self.saved(roster)
        Roster(2, saved, 8).close()
        for at in range(24 + 16, len(saved), 8):
            broken = saved[:at] + (-1).to_bytes(8, sys.byteorder, signed=True) + saved[at + 8 :]
            self.assertRaises(ValueError, Roster, 2, broken, 8)
            self.assertRaises(ValueError, Roster, 2, saved[:at], 8)
        newer = saved.replace(b"mftally1", b"mftally2")
        self.assertRaises(ValueError, Roster, 2, newer, 8)

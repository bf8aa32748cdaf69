"""What the parent keeps of that which limits count."""

from __future__ import annotations

import os
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.limits.shared import SharedTallies
from mailframe.limits.table import Table
from mailframe.node import tallies
from mailframe.node import worker as process
from mailframe.node.tallies import SAVE_EVERY, Tallies


class TalliesTests(SynchronousTestCase):
    """From one start of the node to the next."""

    def setUp(self) -> None:
        """No file yet."""
        self.clock = Clock()
        self.clock.advance(1_000_000_080)
        self.path = os.path.abspath(self.mktemp())
        self.log = mock.Mock()
        self.patch(tallies, "log", self.log)

    def open(self) -> tuple[Tallies, SharedTallies]:
        """A parent, and a worker of it."""
        kept = Tallies(self.clock, self.path, 1)
        kept.open()
        self.addCleanup(kept.close)
        place = kept.move_in()
        assert place is not None
        return kept, SharedTallies(Table(kept.descriptor), place, self.clock)

    def test_restart(self) -> None:
        """A restart of the node is no amnesty."""
        kept, worker = self.open()
        worker.spend("k", "a", 3, 0, 3600.0)
        worker.enter("k", "a", 0)
        kept.close()
        kept.close()
        _, worker = self.open()
        self.assertEqual(3, worker.spent("k", "a", 3600.0))
        self.assertEqual(0, worker.count("k", "a"))

    def test_crash(self) -> None:
        """When parent and workers are killed, what was counted a minute before is remembered."""
        _, worker = self.open()
        worker.spend("k", "a", 3, 0, 3600.0)
        self.clock.advance(SAVE_EVERY)
        _, worker = self.open()
        self.assertEqual(3, worker.spent("k", "a", 3600.0))

    def test_file_of_something_else(self) -> None:
        """A broken file costs the counts, not the start."""
        with open(self.path, "wb") as file:
            file.write(b"something else")
        _, worker = self.open()
        self.assertTrue(worker.spend("k", "a", 1, 1, 3600.0))
        self.log.warn.assert_called_once()

    def test_disk_full(self) -> None:
        """When the copy cannot be written, the node goes on and says so."""
        kept, worker = self.open()
        self.patch(tallies, "write_saved", mock.Mock(side_effect=OSError("No space left")))
        for _ in range(5):
            self.clock.advance(SAVE_EVERY)
            self.assertTrue(worker.spend("k", "a", 1, 0, 3600.0))
        self.log.warn.assert_called_once()
        self.patch(tallies, "write_saved", mock.Mock())
        self.clock.advance(SAVE_EVERY)
        self.patch(tallies, "write_saved", mock.Mock(side_effect=OSError("No space left")))
        self.clock.advance(SAVE_EVERY)
        self.assertEqual(self.log.warn.call_count, 2)
        kept.close()

    def test_directory_of_that_name(self) -> None:
        """What can be neither read nor written costs the counts, not the start."""
        os.mkdir(self.path)
        _, worker = self.open()
        self.assertTrue(worker.spend("k", "a", 1, 1, 3600.0))
        self.clock.advance(SAVE_EVERY)
        self.assertEqual(self.log.warn.call_count, 2)

    def test_more_workers_by_a_reload(self) -> None:
        """A reload may ask for many more workers than the node began with, while the old ones still end."""
        kept = Tallies(self.clock, self.path, 2)
        kept.open()
        self.addCleanup(kept.close)
        self.assertNotIn(None, [kept.move_in() for _ in range(2 + 60)])
        many = Tallies(self.clock, self.path, 20)
        many.open()
        self.addCleanup(many.close)
        self.assertNotIn(None, [many.move_in() for _ in range(7 * 20)])
        allocated = os.fstat(many.descriptor).st_blocks * 512
        self.assertLess(allocated, 1_000_000, "places take memory before anybody counts")

    def test_generations(self) -> None:
        """Workers of several generations have places at the same time; one that is dead makes room."""
        kept, _ = self.open()
        places = [kept.move_in() for _ in range(tallies.FEWEST_PLACES)]
        self.assertIsNone(places[-1])
        assert places[0] is not None
        kept.move_out(places[0])
        self.assertEqual(places[0], kept.move_in())

    def test_worker_without_a_place(self) -> None:
        """A worker for which there is no place says so, and counts with what the others count."""
        kept, other = self.open()
        other.spend("k", "a", 3, 0, 3600.0)
        self.patch(process, "TALLIES_DESCRIPTOR", os.dup(kept.descriptor))
        self.patch(process, "log", self.log)
        alone = process.Worker(self.clock)._tallies(None)
        self.log.warn.assert_called_once()
        self.assertFalse(alone.spend("k", "a", 1, 3, 3600.0))
        self.assertTrue(alone.spend("k", "a", 1, 4, 3600.0))
        self.assertEqual(3, other.spent("k", "a", 3600.0))

    def test_never_open(self) -> None:
        """A node that could not start leaves the file of another alone."""
        Tallies(self.clock, self.path, 1).close()
        self.assertFalse(os.path.exists(self.path))

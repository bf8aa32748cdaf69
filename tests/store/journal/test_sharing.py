"""Threads that flush at the same time share one flush."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.journal.records import Entry
from mailframe.store.journal.sharing import SharedJournal

PATIENCE = 10.0


def entry(number: int) -> Entry:
    """An entry that differs from others."""
    return Entry("alice@example.test", "F1", "new", f"file{number}", "", number, number, 0, b"octets")


class SlowJournal:
    """Writes when it is allowed to."""

    limit, device = 1000, 7

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begun, self.allowed = threading.Semaphore(0), threading.Semaphore(0)
        self.fault: OSError | None = None

    def append(self, entries: Sequence[Entry]) -> None:
        self.groups.append([each.uid for each in entries])
        self.begun.release()
        if not self.allowed.acquire(timeout=PATIENCE):
            raise OSError("nobody allowed it")
        if self.fault is not None:
            raise self.fault


class SharedJournalTests(SynchronousTestCase):
    """Three threads and one journal."""

    def setUp(self) -> None:
        self.slow = SlowJournal()
        journalling: Any = self.slow
        self.journal = SharedJournal(journalling)
        self.outcomes: dict[int, str] = {}

    def started(self, number: int) -> threading.Thread:
        def append() -> None:
            try:
                self.journal.append([entry(number)])
            except OSError as fault:
                self.outcomes[number] = str(fault)
            else:
                self.outcomes[number] = "durable"

        thread = threading.Thread(target=append, daemon=True)
        thread.start()
        return thread

    def gathered(self) -> list[threading.Thread]:
        """One thread flushes, and two wait behind it."""
        threads = [self.started(1)]
        self.assertTrue(self.slow.begun.acquire(timeout=PATIENCE))
        threads += [self.started(2), self.started(3)]
        while len(self.journal.waiting) < 2:
            pass
        return threads

    def test_one_flush_for_those_who_wait(self) -> None:
        """What gathered while one thread flushed is flushed once, for all of them."""
        threads = self.gathered()
        self.slow.allowed.release(2)
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual([sorted(group) for group in self.slow.groups], [[1], [2, 3]])
        self.assertEqual(self.outcomes, {1: "durable", 2: "durable", 3: "durable"})

    def test_fault_is_told_to_all(self) -> None:
        """When that flush fails, none of them is told that it is durable, and the next may succeed."""
        threads = self.gathered()
        self.slow.allowed.release(1)
        self.assertTrue(self.slow.begun.acquire(timeout=PATIENCE))
        self.slow.fault = OSError("broken")
        self.slow.allowed.release(1)
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual({number: self.outcomes[number] for number in (2, 3)}, {2: "broken", 3: "broken"})
        self.slow.fault = None
        self.slow.allowed.release(1)
        self.journal.append([entry(4)])
        self.assertEqual(self.slow.groups[-1], [4])

    def test_limits_are_the_journals(self) -> None:
        """What may go into it is what may go into the journal behind it."""
        self.assertEqual((self.journal.limit, self.journal.device), (1000, 7))

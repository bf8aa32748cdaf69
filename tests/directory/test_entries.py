"""Directories that are administered entry by entry do as the model does."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.testing.directory_entries import EntriesContract, steps


class SQLiteEntriesTests(EntriesContract, SynchronousTestCase):
    """In a file."""

    def begin(self) -> Any:
        """An empty one."""
        directory = SQLiteDirectory(self.mktemp(), None)
        self.successResultOf(Deferred.fromCoroutine(directory.start()))
        return directory

    @given(steps)
    def test_edits(self, todo: Any) -> None:
        """Edits are done and refused as the model does it."""
        directory = self.begin()
        self.check_edits(directory, todo)
        self.successResultOf(Deferred.fromCoroutine(directory.stop()))

    @given(steps, st.integers(0, 12))
    def test_copies(self, todo: Any, begin: int) -> None:
        """A copy follows from wherever it began."""
        directory = self.begin()
        self.successResultOf(Deferred.fromCoroutine(self.check_copies(directory, todo, begin)))
        self.successResultOf(Deferred.fromCoroutine(directory.stop()))


class MemoryEntriesTests(EntriesContract, SynchronousTestCase):
    """In memory: what the others are compared with."""

    @given(steps, st.integers(0, 12))
    def test_copies(self, todo: Any, begin: int) -> None:
        """A copy follows from wherever it began."""
        copying = self.check_copies(MemoryDirectory([], {}), todo, begin)
        self.successResultOf(Deferred.fromCoroutine(copying))

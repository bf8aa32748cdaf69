"""THREADID (RFC 8474 section 5.2): messages of one conversation have the same.

A message is in the thread of the nearest message that it refers to and whose id is known, as somebody's own or as
somebody's reference; else it begins one. What was said once stays: two threads that turn out to be one do not become
one, because a THREADID never changes. Nothing depends on the order in which messages come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from mailframe.message.references import number_of, references

from .catalogue.rows import new_object_id


class Threads(Protocol):
    """Which thread a message id belongs to."""

    def of(self, references: Sequence[int]) -> dict[int, str]:
        """THREADIDs, by those references (`mailframe.message.references.number_of`) that are known."""

    def add(self, found: Mapping[int, str]) -> None:
        """Note references; those that are known stay as they are."""


class MemoryThreads:
    """See `Threads`; in memory."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def of(self, references: Sequence[int]) -> dict[int, str]:
        """See `Threads.of`."""
        return {number: self._known[number] for number in references if number in self._known}

    def add(self, found: Mapping[int, str]) -> None:
        """See `Threads.add`."""
        self._known = {**found, **self._known}


def thread_of(threads: Threads, head: bytes, thread_id: str = "") -> str:
    """The THREADID of a message.

    Args:
        threads: the account's.
        head: octets from the message's start, its header section among them.
        thread_id: the one it has already; what refers to it later is in that thread.
    """
    own, others = references(head)
    numbers = [number_of(reference) for reference in ([own] if own else []) + list(others)]
    if not numbers:
        return thread_id or new_object_id("T")
    known = threads.of(numbers)
    if not thread_id:
        thread_id = next((known[number] for number in numbers if number in known), "") or new_object_id("T")
    missing = {number: thread_id for number in numbers if number not in known}
    if missing:
        threads.add(missing)
    return thread_id

"""Answers that are remembered: bounded in size and time; who was not asked for longest goes first."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from .interfaces import LookupFailed
from .values import Answer
from .wire import Question

ENTRY_OCTETS: Final = 700
"""What an entry takes besides its records and names: question, answer, tuple, slot (measured by ``tracemalloc``)."""
FAILURES_LIMIT: Final = 10000


class Cache:
    """Answers by question, and questions that failed just now.

    Args:
        seconds: the reactor's clock; where it is set back, answers are good for so much longer.
        size: octets that all answers may take, as reckoned by `octets_of`; 0 remembers nothing.
        stale: seconds for which an answer is kept after its end.
    """

    def __init__(self, seconds: Callable[[], float], size: int, stale: float = 0.0) -> None:
        self._seconds = seconds
        self._size = size
        self._stale = stale
        self._answers: OrderedDict[Question, tuple[Answer, int]] = OrderedDict()
        self._failures: OrderedDict[Question, tuple[float, LookupFailed]] = OrderedDict()
        self.octets = 0

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, question: Question) -> Answer | None:
        """An answer that is still good.

        Raises:
            LookupFailed: the question failed a moment ago.
        """
        now = self._seconds()
        kept = self._answers.get(question)
        if kept is not None and kept[0].expires > now:
            self._answers.move_to_end(question)
            return kept[0]
        if kept is not None and self.stale(question) is None:
            self._forget(question)
        if self._failures and question in self._failures:
            until, error = self._failures[question]
            if until > now:
                raise LookupFailed(error.reason, error.servfail)
            del self._failures[question]
        return None

    def stale(self, question: Question) -> Answer | None:
        """An answer that is good no more, but not for too long."""
        kept = self._answers.get(question)
        if kept is None or not self._seconds() < kept[0].expires + self._stale:
            return None
        return kept[0]

    def put(self, question: Question, answer: Answer) -> None:
        """Remembers an answer until it expires."""
        self._failures.pop(question, None)
        self._forget(question)
        octets = octets_of(answer)
        # One answer of a quarter of the whole would push out too much else.
        if octets * 4 > self._size or answer.expires + self._stale <= self._seconds():
            return
        self._answers[question] = (answer, octets)
        self.octets += octets
        while self.octets > self._size:
            _, (_, gone) = self._answers.popitem(last=False)
            self.octets -= gone

    def put_failure(self, question: Question, error: LookupFailed, until: float) -> None:
        """Remembers that a question failed (RFC 9520)."""
        self._failures.pop(question, None)
        self._failures[question] = (until, error)
        if len(self._failures) > FAILURES_LIMIT:
            self._failures.popitem(last=False)

    def clear(self) -> None:
        """Forgets everything."""
        self._answers.clear()
        self._failures.clear()
        self.octets = 0

    def _forget(self, question: Question) -> None:
        kept = self._answers.pop(question, None)
        if kept is not None:
            self.octets -= kept[1]


def octets_of(answer: Answer) -> int:
    """About how much memory an answer takes."""
    return ENTRY_OCTETS + 2 * len(answer.name) + sum(_octets(record) for record in answer.records)


def _octets(record: object) -> int:
    if isinstance(record, str | bytes):
        return sys.getsizeof(record) + 8
    return 200 + sys.getsizeof(getattr(record, "exchange", getattr(record, "target", "")))

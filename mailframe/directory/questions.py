"""Questions that many ask at the same time, asked once."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Questions(Generic[T]):
    """One question for all who want to know the same.

    It is nobody's: whoever asked first may hang up, and neither do the others wait for nothing, nor can a stranger
    keep us from an answer by hanging up each time. All who waited get the same outcome, also when there is none: to
    ask again for each of them, one after the other, would make the last one wait for all their timeouts.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[Deferred[T]]] = {}

    def ask(self, key: Hashable, question: Callable[[], Coroutine[Any, Any, T]]) -> Deferred[T]:
        """The answer.

        Args:
            key: what makes two questions the same.
            question: asked unless it is under way; must end by itself.
        """
        waiting: Deferred[T] = Deferred()
        others = self._waiting.get(key)
        if others is not None:
            others.append(waiting)
            return waiting
        self._waiting[key] = [waiting]
        Deferred.fromCoroutine(question()).addBoth(self._tell, key)
        return waiting

    def _tell(self, outcome: T | Failure, key: Hashable) -> None:
        for waiting in self._waiting.pop(key):
            if isinstance(outcome, Failure):
                waiting.errback(outcome)
            else:
                waiting.callback(outcome)

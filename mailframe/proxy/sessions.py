"""The sessions that stand between a client and a store, in one worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .values import ProxiedSession


class Sessions:
    """Knows them, and ends them."""

    def __init__(self) -> None:
        self._standing: dict[int, ProxiedSession] = {}

    def __len__(self) -> int:
        return len(self._standing)

    def add(self, session: ProxiedSession) -> None:
        """One more."""
        self._standing[id(session)] = session

    def remove(self, session: ProxiedSession) -> None:
        """It has ended."""
        self._standing.pop(id(session), None)

    def all(self) -> Iterable[ProxiedSession]:
        """Those that stand now."""
        return list(self._standing.values())

    def kick(self, fits: Callable[[ProxiedSession], bool]) -> int:
        """End those that fit; return how many."""
        ended = [session for session in self.all() if fits(session)]
        for session in ended:
            session.cut()
        return len(ended)

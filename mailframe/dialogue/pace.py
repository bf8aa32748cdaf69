"""How fast a client may send commands: who is faster is answered later, and what it sends meanwhile waits.

A bucket that leaks (the generic cell rate algorithm): a client may send so many commands at once, and then so many a
second. Being told nothing, it notices nothing but the time; there is no error to handle.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

STRANGERS = 10
"""Commands a second of a client that has not logged in: none needs more than ten in all."""
BURST_SECONDS = 10
"""As many commands as are allowed in this time may come at once."""


class Pace:
    """The pace of one client.

    Args:
        clock: of the listener.
    """

    __slots__ = ("_clock", "_due")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # When all commands so far would have come, had they come at the pace that is allowed.
        self._due = 0.0

    async def step(self, a_second: int) -> None:
        """A command came: wait until it may be answered.

        Args:
            a_second: how many may come; 0 for any number.
        """
        if not a_second:
            return
        now = self._clock.seconds()
        self._due = max(self._due, now) + 1 / a_second
        early = self._due - now - BURST_SECONDS
        if early > 0:
            await deferLater(cast(Any, self._clock), early)

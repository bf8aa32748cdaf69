"""A store that takes its time, so that sessions come between each other's steps."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.imap.interposed import interposed

TICK = 0.001
"""Seconds."""
SOON = 1.0
"""What is due within so many seconds is waited for."""
LONGEST = 5.0
"""For no longer, all in all: a store that has something to do each second is no reason to let sessions grow old."""
_MAILBOX = ("snapshot", "changes", "fetch", "read", "store", "copy", "move", "expunge", "remove", "search")
_ACCOUNT = ("mailboxes", "status", "append")


class Rhythm:
    """How long each call of the store takes.

    Args:
        clock: by which.

    Attributes:
        random: decides; at rest nothing takes any time.
        at_rest: is nobody to be disturbed?
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.random = Random(0)
        self.at_rest = True

    async def pause(self) -> None:
        """Let others do something, perhaps."""
        ticks = 0 if self.at_rest else self.random.choice((0, 0, 1, 1, 2, 5))
        if ticks:
            waiting: Deferred[None] = Deferred()
            self._clock.callLater(ticks * TICK, waiting.callback, None)
            await waiting


def slowed(store: Any, rhythm: Rhythm) -> Any:
    """A store that pauses before and after each thing it does."""

    def slow() -> Callable[..., Any]:
        async def call(original: Any, *arguments: Any, **named: Any) -> Any:
            await rhythm.pause()
            done = await original(*arguments, **named)
            await rhythm.pause()
            return done

        return call

    return interposed(store, {name: slow() for name in _ACCOUNT}, {name: slow() for name in _MAILBOX})


def settle(clock: Clock) -> None:
    """Let happen what is due soon."""
    clock.advance(0)
    until = clock.seconds() + LONGEST
    while clock.seconds() < until and any(
        call.getTime() - clock.seconds() < SOON for call in clock.getDelayedCalls()
    ):
        clock.advance(TICK)

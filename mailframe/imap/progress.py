"""Long work of one command: others have their turn, and the client hears that it goes on (RFC 9585).

Work in pieces takes a step between them; work that the store does in one go is waited for::

    progress = Progress(session, "Searching")
    for done, window in windows:
        ...
        if not await progress.step(done, total):
            break
    found = await progress.wait(mailbox.search(key))
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from .states import State
from .wire.responses import quoted, status_line

if TYPE_CHECKING:
    from .session import Session

SLICE_SECONDS = 0.05
"""How long a command may work before others have their turn."""

_Found = TypeVar("_Found")


class Progress:
    """The progress of one command.

    Args:
        session: whose command it is.
        what: a word for people that says what is done: ``"Searching"``.
    """

    def __init__(self, session: Session, what: str) -> None:
        self._session = session
        self._what = what
        self._tag = session.tag
        self._told = self._yielded = session.clock.seconds()

    async def step(self, done: int, total: int) -> bool:
        """A piece is done.

        Args:
            done: pieces that are done; never fewer than before.
            total: pieces in all.

        Returns:
            False when the session is over: what is left to do is for nobody.
        """
        clock = self._session.clock
        now = clock.seconds()
        if done < total and now - self._told >= self._session.settings.progress_interval:
            self._tell(done, total)
        if now - self._yielded >= SLICE_SECONDS:
            await self._turn_of_others()
            self._yielded = clock.seconds()
        return self._session.state is not State.LOGOUT

    async def wait(self, work: Awaitable[_Found]) -> _Found:
        """Wait for work that gives no account of itself; the client is told now and then that it goes on."""
        session = self._session
        interval = session.settings.progress_interval
        alarm: IDelayedCall

        def ring() -> None:
            nonlocal alarm
            alarm = session.clock.callLater(interval, ring)
            if session.state is not State.LOGOUT:
                self._tell(None, None)

        alarm = session.clock.callLater(interval, ring)
        try:
            return await work
        finally:
            alarm.cancel()
            self._yielded = session.clock.seconds()

    async def _turn_of_others(self) -> None:
        turn: Deferred[None] = Deferred()
        call = self._session.clock.callLater(0, turn.callback, None)
        try:
            await turn
        finally:
            if call.active():
                call.cancel()

    def _tell(self, done: int | None, total: int | None) -> None:
        self._told = self._session.clock.seconds()
        figures = "NIL NIL" if done is None or not total else f"{done} {total}"
        tag = quoted(self._tag).decode("ascii")
        self._session.write(status_line(b"OK", f"{self._what}...", f"INPROGRESS ({tag} {figures})"))

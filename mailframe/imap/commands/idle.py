"""IDLE: changes are told as they happen (RFC 2177)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser, bad

if TYPE_CHECKING:
    from mailframe.imap.session import Session

log = Logger()


async def idle(session: Session, arguments: Parser) -> None:
    """Begin to idle; the client's DONE ends it."""
    arguments.end()
    # What happened before is told at once; from here on hints tell.
    if _tells(session):
        await session.announce(expunges=True, look=True)
    idling = _Idling(session)
    session.ask(b"idling", idling.done)
    idling.begin()


def _tells(session: Session) -> bool:
    """IDLE tells what NOTIFY asked for, and no more (RFC 5465 section 4)."""
    return session.notify is None or session.notify.tells_selected


class _Idling:
    """One IDLE of one session.

    Announcing runs beside the dialogue here, one at a time: a hint that comes while the store is asked is answered by
    asking once more.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._alarm: IDelayedCall | None = None
        self._announcing: Deferred[None] | None = None
        self._running = False
        self._again = False
        self._finished: Deferred[None] | None = None

    def begin(self) -> None:
        """Listen to hints, and look now and then without one."""
        session = self._session
        session.idling = True
        session.on_close(self._stop)
        if session.selected is not None and _tells(session):
            session.selected.listen(self._hint)
            self._arm()

    async def done(self, line: bytes) -> Reply:
        """The client's line: DONE, or it is an error; idling is over in any case."""
        session = self._session
        running = self._announcing
        session.not_on_close(self._stop)
        self._end()
        if running is not None:
            self._finished = Deferred()
            await self._finished
        if line.strip().upper() != b"DONE":
            raise bad("Expected DONE")
        return Reply("IDLE completed")

    def _hint(self) -> None:
        self._again = True
        if self._running:
            return
        self._running = True
        work = Deferred.fromCoroutine(self._announce())
        if not work.called:
            self._announcing = work
        work.addErrback(self._failed).addBoth(self._announced)

    async def _announce(self) -> None:
        while self._again and self._session.idling:
            self._again = False
            # A client that does not read is not written to: what it misses is told in one go later.
            await self._session.connection.drained()
            await self._session.announce(expunges=True)

    def _announced(self, _: object) -> None:
        self._announcing, self._running = None, False
        finished, self._finished = self._finished, None
        if finished is not None and not finished.called:
            finished.callback(None)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            log.failure(
                "session {session_id} cannot tell changes",
                failure=failure,
                session_id=self._session.session_id,
            )

    def _poll(self) -> None:
        self._alarm = None
        self._arm()
        self._hint()

    def _arm(self) -> None:
        session = self._session
        self._alarm = session.clock.callLater(session.settings.poll_interval, self._poll)

    def _end(self) -> None:
        session = self._session
        session.idling = False
        if session.selected is not None:
            session.selected.listen(None)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _stop(self) -> None:
        """The connection is gone."""
        self._end()
        if self._announcing is not None:
            self._announcing.cancel()

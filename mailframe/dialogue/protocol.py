"""A Twisted protocol that runs one conversation: one event at a time, in order, bounded.

Replies keep the order of commands whatever the segmentation, because the next event is not read before the
answer to the one before is written. What arrives meanwhile stays in a bounded buffer, and the transport is
paused while it is full; answers that a slow peer does not read pause the conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IHandshakeListener, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.message.status import ProtocolError

from .connection import Connection
from .interfaces import NEED_DATA, IConversation, IFarewell, IHandshaken, IOwned

BUFFER_LIMIT = 64 * 1024
"""Octets that may wait unread before the transport is paused (one read more may arrive)."""
EVENTS_A_TURN = 256
"""Events handled before the reactor gets a turn: a flood of small commands must not starve others."""
LINGER_OCTETS = 16 * 1024 * 1024
"""Octets thrown away after a fatal error, so that the peer can read the reply, before the line is cut."""

log = Logger()


@implementer(IHandshakeListener)
class DialogueProtocol(Connection):
    """Runs a conversation over a transport.

    Args:
        conversation: made for this connection.
        clock: for timeouts and for taking turns.
        timeout: seconds of silence allowed until the conversation says otherwise.
        buffer_limit: octets that may wait before reading pauses.
    """

    def __init__(
        self,
        conversation: IConversation,
        clock: IReactorTime,
        timeout: float = 300.0,
        buffer_limit: int = BUFFER_LIMIT,
    ) -> None:
        super().__init__(clock, timeout)
        self._conversation = conversation
        self._buffer_limit = buffer_limit
        self._task: Deferred[None] | None = None
        self._thrown_away = 0
        self._opened = False
        self._reading_paused = False

    _handed_over = False

    # The transport calls these.

    def connectionMade(self) -> None:
        """Take the peer's address, begin the timeout, let the conversation greet.

        Where the connection begins with TLS, the handshake comes first: the greeting may depend on what it says
        of the client, and who never shakes hands is no session.
        """
        self._begun()
        self._shaking = self.secure and self.tls_facts() is None
        self._touch()
        self._arm()
        if not self._shaking:
            self._open()

    def handshakeCompleted(self) -> None:
        """TLS is on: from the start, so that the conversation may greet, or after STARTTLS."""
        self._shaking = False
        if self._closing:
            return
        self._touch()
        if not self._opened:
            self._open()
        elif IHandshaken.providedBy(self._conversation):
            IHandshaken(self._conversation).handshaken()

    def dataReceived(self, data: bytes) -> None:
        """Keep what arrived, and begin to answer unless an answer is under way."""
        if self._closing:
            self._thrown_away += len(data)
            if self._thrown_away > LINGER_OCTETS:
                self.abort()
            return
        self._shaking = False
        if self._deflate is None:
            self._buffer.append(data)
        else:
            self._deflate.take(data)
            self._expand()
        if not self._busy:
            self._begin()
        self._balance_reading()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Cancel what runs and let the conversation give back what it holds."""
        self._gone()
        if self._task is not None:
            self._task.cancel()
        self._release_drain()
        if self._opened:
            self._conversation.closed()

    # Whoever runs the service calls this.

    def finish(self) -> bool:
        """The service goes away: end now, unless something is under way.

        A conversation that provides `IFarewell` says whether it is in a transaction, and goodbye.

        Returns:
            True when the connection is on its way out; False to be asked again soon.
        """
        conversation = self._conversation
        if self._closing:
            return True
        if self._handed_over:
            return False
        if self._shaking or not self._opened:
            self.abort()
            return True
        if self._busy or (IFarewell.providedBy(conversation) and not IFarewell(conversation).farewell()):
            return False
        self.close()
        return True

    def owner(self) -> str:
        """The account this is of; "" where nobody logged in, or nobody does here."""
        conversation = self._conversation
        return IOwned(conversation).owner() if IOwned.providedBy(conversation) else ""

    def hand_over(self, receive: Callable[[bytes], None], conversation: object) -> bytes:
        """From now on what arrives goes to somebody else, as it comes; nothing is timed or kept here any more.

        Called while an event is handled. The transport's producer is somebody else's, too.

        Args:
            receive: takes octets.
            conversation: of `IConversation` its ``closed`` is called, and `owner` asked, where it has one.

        Returns:
            The octets that waited.
        """
        waiting = self._buffer.take_up_to(len(self._buffer))
        self._handed_over = True
        self._conversation = cast(IConversation, conversation)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        transport = self._transport()
        transport.unregisterProducer()
        if self._reading_paused:
            self._reading_paused = False
            transport.resumeProducing()
        self.__dict__["dataReceived"] = receive
        return waiting

    # One event at a time.

    def _open(self) -> None:
        self._opened = True
        self._begin(opening=True)

    def _begin(self, *, opening: bool = False) -> None:
        """Run until everything that arrived is answered, or something has to be waited for.

        Most events are answered at once, so the coroutine is stepped by hand first, and a Deferred made only when
        it waits: a lasting session's message costs 105 us so, 120 us with a Deferred for each event.
        """
        self._busy = True
        running = self._run(opening)
        try:
            waits_for = running.send(None)
        except StopIteration:
            return
        except Exception:
            self._broken(Failure())
            return
        task = self._task = Deferred.fromCoroutine(_resumed(running, waits_for))
        task.addErrback(self._broken)

    async def _run(self, opening: bool) -> None:
        try:
            if opening:
                await self._guarded(self._conversation.opened, self)
                self._touch()
            await self._answer()
        finally:
            self._task = None
            self._busy = False
            self._balance_reading()

    async def _answer(self) -> None:
        conversation, buffer, turn = self._conversation, self._buffer, 0
        while not self._closing:
            try:
                event = conversation.next_event(buffer)
            except ProtocolError as error:
                self._refuse(error)
                continue
            if event is NEED_DATA:
                if self._expand():
                    continue
                return
            await self._guarded(conversation.handle, event)
            if self._handed_over:
                return
            # The time a peer has is counted from event to event, not from octet to octet: one that sends
            # an octet a minute does not hold the connection for ever.
            self._touch()
            if self._writing_paused:
                await self.drained()
            turn += 1
            if turn % EVENTS_A_TURN == 0:
                await self._next_turn()
            if self._reading_paused:
                self._balance_reading()

    def _expand(self) -> bool:
        """Expand what came compressed, as far as there is room; was there anything?"""
        before = len(self._buffer)
        while self._deflate is not None and len(self._buffer) <= self._buffer_limit:
            try:
                piece = self._deflate.expand()
            except ValueError as error:
                log.info("{peer} does not compress as it said: {reason}", peer=self.peer, reason=str(error))
                self.abort()
                return False
            if not piece:
                break
            self._buffer.append(piece)
        return len(self._buffer) > before

    async def _guarded(self, step: object, argument: object) -> None:
        """One step of the conversation; what it raises is told to the peer in one place."""
        try:
            await step(argument)  # type: ignore[operator]
        except ProtocolError as error:
            self._refuse(error)
        except Exception as error:
            failure = Failure()
            if self._lost:
                if not isinstance(error, CancelledError):
                    log.failure(
                        "a conversation with {peer} failed after it was lost", failure, peer=self.peer
                    )
                return
            log.failure("a conversation with {peer} failed", failure, peer=self.peer)
            self._conversation.internal_error(failure)

    def _refuse(self, error: ProtocolError) -> None:
        self._conversation.protocol_error(error)
        if error.fatal:
            self.close(lingering=True)

    async def _next_turn(self) -> None:
        turn: Deferred[None] = Deferred()
        self._clock.callLater(0, _fire, turn)
        await turn

    def _broken(self, failure: Failure) -> None:
        if failure.check(CancelledError) and self._lost:
            return
        log.failure("the dialogue with {peer} broke", failure, peer=self.peer)
        self.abort()

    # Bounds.

    def _balance_reading(self) -> None:
        waiting = 0 if self._deflate is None else self._deflate.waiting
        full = len(self._buffer) + waiting > self._buffer_limit
        if full == self._reading_paused or self._lost or self._closing:
            return
        self._reading_paused = full
        if full:
            self._transport().pauseProducing()
        else:
            self._transport().resumeProducing()

    def _silent(self) -> None:
        if self._shaking or not self._opened:
            # Nothing can be said before the handshake is over.
            self.abort()
            return
        self._conversation.timed_out()
        self.close()
        self._arm()


def _fire(waiting: Deferred[None]) -> None:
    if not waiting.called:
        waiting.callback(None)


async def _resumed(running: Coroutine[Any, Any, None], waits_for: Deferred[Any]) -> None:
    """The rest of a coroutine that was stepped by hand up to its first wait."""
    while True:
        try:
            step = partial(running.send, await waits_for)
        except GeneratorExit:
            # Thrown away with all that it waits for; the collector may have ended the other coroutine before.
            running.close()
            raise
        except BaseException as fault:
            step = partial(running.throw, fault)
        try:
            waits_for = step()
        except StopIteration:
            return

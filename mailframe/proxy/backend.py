"""A connection to a store: lines while it is logged in to, then octets that pass by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHandshakeListener, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.tls_facts import channel_binding
from mailframe.message.status import MailframeError, ProtocolError, Status

LINE_LIMIT: Final = 64 * 1024
"""Octets of a line; lists of capabilities are long."""
NO_STORE: Final = Status((4, 4, 1), "The mailbox cannot be reached right now; try again", "UNAVAILABLE")


@implementer(IHandshakeListener)
class BackendConnection(Protocol):
    """One connection to a store.

    Args:
        clock: for the time it may take.
        seconds: in all, from the connection to the splice.
        name: of the store's host, for what goes wrong.
    """

    def __init__(self, clock: IReactorTime, seconds: float, name: str) -> None:
        self.name = name
        self._buffer: ReceiveBuffer | None = ReceiveBuffer()
        self._waiting: Deferred[None] | None = None
        self._lost: Failure | None = None
        self._gone: Callable[[], None] | None = None
        self._shaking = False
        self._alarm = clock.callLater(seconds, self._too_late)
        self._late = False

    # What a login needs.

    async def line(self) -> bytes:
        """The next line, without its end.

        Raises:
            MailframeError: temporary: the connection is lost, too slow, or says something that is no line.
        """
        while True:
            assert self._buffer is not None
            try:
                line = self._buffer.take_line(LINE_LIMIT)
            except ProtocolError as error:
                raise self.failed(error.status.text) from None
            if line is not None:
                return line
            await self._more()

    def lines(self) -> ReceiveBuffer:
        """What has come and was not read yet, for whoever reads more than lines."""
        assert self._buffer is not None
        return self._buffer

    async def more(self) -> None:
        """Wait until more has come.

        Raises:
            MailframeError: as `line`.
        """
        await self._more()

    def send(self, octets: bytes) -> None:
        """Say something."""
        self._wire.write(octets)

    async def start_tls(self, creator: Any) -> None:
        """Turn to TLS; what the store shows is verified before anything else is said.

        Raises:
            MailframeError: temporary: it is not who it should be, or said something before that.
        """
        assert self._buffer is not None
        if len(self._buffer):
            # Whoever can write into the connection may have said it (RFC 9051 section 11.1).
            raise self.failed("it spoke on before TLS")
        self._shaking = True
        self._wire.startTLS(creator)
        while self._shaking:
            await self._more()

    @property
    def binding(self) -> bytes | None:
        """The channel to bind to (RFC 9266); None in clear."""
        handle = getattr(self._wire, "getHandle", None)
        return channel_binding(handle()) if handle is not None and self.secure else None

    @property
    def secure(self) -> bool:
        """Is TLS on?"""
        return bool(getattr(self._wire, "TLS", False))

    def failed(self, reason: str) -> MailframeError:
        """What to raise when it is of no use."""
        return MailframeError(NO_STORE, f"{self.name}: {reason}")

    def leave(self) -> None:
        """End it when all is said."""
        self._stop_waiting()
        if self.transport is not None:
            self._wire.loseConnection()

    def abort(self) -> None:
        """End it now."""
        self._stop_waiting()
        if self.transport is not None:
            self._wire.abortConnection()

    def hand_over(self, receive: Callable[[bytes], None], gone: Callable[[], None]) -> bytes:
        """From now on octets go by.

        Args:
            receive: takes them.
            gone: called when the connection is lost.

        Returns:
            Octets that have come already.

        Raises:
            MailframeError: temporary: it is lost.
        """
        assert self._buffer is not None
        self.check()
        self._stop_waiting()
        waiting = self._buffer.take_up_to(len(self._buffer))
        self._buffer = None
        self._gone = gone
        self.__dict__["dataReceived"] = receive
        return waiting

    # The transport calls these.

    def connectionMade(self) -> None:
        """It stands."""
        set_no_delay = getattr(self._wire, "setTcpNoDelay", None)
        if set_no_delay is not None:
            set_no_delay(True)
            self._wire.setTcpKeepAlive(True)

    def handshakeCompleted(self) -> None:
        """TLS is on."""
        self._shaking = False
        self._wake()

    def dataReceived(self, data: bytes) -> None:
        """Something came."""
        assert self._buffer is not None
        self._buffer.append(data)
        if len(self._buffer) > 2 * LINE_LIMIT:
            self._wire.abortConnection()
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is over."""
        self._lost = reason
        self._stop_waiting()
        if self._gone is not None:
            gone, self._gone = self._gone, None
            gone()
        self._wake()

    @property
    def _wire(self) -> Any:
        return self.transport

    async def _more(self) -> None:
        self.check()
        self._waiting = Deferred(lambda _: None)
        await self._waiting
        self.check()

    def check(self) -> None:
        """Is it of use still?

        Raises:
            MailframeError: temporary: it is lost, or too slow.
        """
        if self._late:
            raise self.failed("no answer in time")
        if self._lost is not None:
            quiet = self._lost.check(ConnectionDone, ConnectionLost)
            raise self.failed("it closed the connection" if quiet else self._lost.getErrorMessage())

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)

    def _stop_waiting(self) -> None:
        if self._alarm.active():
            self._alarm.cancel()

    def _too_late(self) -> None:
        self._late = True
        self._wire.abortConnection()
        self._wake()

"""The client's side of a connection as a state machine without I/O.

Whoever has the connection feeds `ClientCore.receive` with octets, sends what `ClientCore.outgoing` gives, and says
when the connection is `ClientCore.lost`. What is asked of the server is a *dialogue*: a generator that says commands,
yields the phase it waits in, and is sent the reply. Dialogues are in `opening` and `transaction`.

Replies belong to commands in order (RFC 2920 section 3.1), so all it takes to keep them together is a count of those
still to come. A reply that nobody waits for is a server out of step, and ends the connection: to go on would mean to
take an answer about one message for one about another.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, Generic, Literal, TypeVar

from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.smtp.wire.replies import Reply, ReplyReader, ascii_text

from .capabilities import Capabilities
from .framing import Framing
from .phases import Phase

T = TypeVar("T")
Dialogue = Generator[Phase, Reply | None, T]
"""Yields what it waits for; is sent a reply, or None when the content has been sent; returns what came of it."""

CONNECTION_LOST: Final = Status((4, 4, 2), "The connection was lost")
UNEXPECTED: Final = Status((4, 5, 0), "The server did not keep to the protocol")
UNASKED: Final = Status((4, 5, 0), "The server answered what was not asked")


class Lost(MailframeError):
    """The connection ended, or cannot be used any more, in the middle of a dialogue."""


class Exchange(Generic[T]):
    """Something that was asked of the server.

    Attributes:
        done: there is an answer, or there will be none.
    """

    def __init__(self, dialogue: Dialogue[T]) -> None:
        self.dialogue = dialogue
        self.done = False
        self._value: T | None = None
        self._error: Exception | None = None

    def result(self) -> T:
        """What came of it.

        Raises:
            MailframeError: the server refused; `Lost`: the connection ended.
        """
        assert self.done
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def finish(self, value: T | None, error: Exception | None = None) -> None:
        """Note what came of it; for `ClientCore`."""
        self.done = True
        self._value, self._error = value, error


class ClientCore:
    """One connection to a server.

    Args:
        host: the server's name or address, for the texts of statuses.
        protocol: ``smtp`` or ``lmtp``.

    Attributes:
        phase: what is waited for.
        capabilities: what the server said it can do.
        outstanding: replies still to come.
        in_transaction: MAIL was accepted, and neither the content's reply nor RSET came after it.
        ended: why nothing more can be said, or None.
    """

    def __init__(self, host: str, protocol: Literal["smtp", "lmtp"] = "smtp") -> None:
        self.host = host
        self.protocol = protocol
        self.phase = Phase.IDLE
        self.capabilities = Capabilities()
        self.outstanding = 0
        self.in_transaction = False
        self.ended: Status | None = None
        self._reader = ReplyReader()
        self._out: list[bytes] = []
        self._exchange: Exchange[Any] | None = None
        self._framing: Framing | None = None

    # Whoever has the connection calls these.

    @property
    def usable(self) -> bool:
        """May something be asked now?"""
        return self.ended is None and self._exchange is None

    @property
    def wants_content(self) -> bool:
        """May `content` be called now?"""
        framing = self._framing
        if framing is None or self.ended is not None:
            return False
        # Without PIPELINING each chunk waits for the reply to the one before (RFC 3030 section 4.2).
        return not framing.chunked or self.capabilities.pipelining or self.outstanding == 0

    def begin(self, dialogue: Dialogue[T]) -> Exchange[T]:
        """Ask something; the exchange is done at once when nothing can be asked any more."""
        exchange = Exchange(dialogue)
        if self._exchange is not None:
            raise ValueError("something else is being asked")
        self._exchange = exchange
        self._step(lambda: next(dialogue))
        if self.ended is not None:
            self._out.clear()
            self._throw(self.ended)
        return exchange

    def receive(self, octets: bytes) -> bool:
        """Take what arrived. Nothing is raised for what a server says.

        Returns:
            True when a whole reply or the end came of it; time goes on for a server that says half of one.
        """
        if self.ended is not None:
            return True
        self._reader.feed(octets)
        any_reply = False
        try:
            while self.ended is None and (reply := self._reader.next_reply()) is not None:
                any_reply = True
                self._reply(reply)
        except ProtocolError as error:
            self.lost(Status(UNEXPECTED.enhanced, error.status.text))
        return any_reply or self.ended is not None

    def lost(self, status: Status = CONNECTION_LOST) -> None:
        """The connection is gone, or must not be used any more; whatever was asked ends with this."""
        if self.ended is None:
            self.ended = status
        self._framing = None
        self._reader.clear()
        self._throw(self.ended)

    def outgoing(self) -> bytes:
        """What is to be sent, once."""
        octets = b"".join(self._out)
        self._out.clear()
        return octets

    def content(self, octets: bytes) -> None:
        """The next octets of the message, when `wants_content`.

        Raises:
            MailframeError: they have a bare CR or LF; nothing was sent of them, and the connection must end.
        """
        assert self._framing is not None
        framed, commands = self._framing.write(octets)
        self._send(framed, commands)

    def content_ends(self) -> None:
        """That was all of the message."""
        assert self._framing is not None
        framing, self._framing = self._framing, None
        framed, commands = framing.finish()
        self._send(framed, commands)
        self._step(lambda: self._generator().send(None))

    # Dialogues call these.

    def say(self, *commands: bytes) -> None:
        """Send command lines, given without CRLF, each of which has one reply.

        Raises:
            Lost: the server spoke before it was asked.
        """
        if self._reader.waiting and not self.outstanding:
            raise self.unexpected(UNASKED)
        self._send(b"".join([command + b"\r\n" for command in commands]), len(commands))

    def expect_replies(self, count: int) -> None:
        """So many more replies will come than commands were sent: LMTP has one for each recipient."""
        self.outstanding += count

    def open_content(self, framing: Framing) -> None:
        """Content may be sent now; the dialogue waits in `Phase.BLOCK`."""
        self._framing = framing

    def close_content(self) -> None:
        """Send no more of it."""
        self._framing = None

    def send_end(self) -> None:
        """Send content of no octets: a lone dot."""
        self._send(b".\r\n", 1)

    def unexpected(self, status: Status = UNEXPECTED) -> Lost:
        """What to raise when the server breaks the protocol; the connection is not used again."""
        if self.ended is None:
            self.ended = status
        return Lost(status)

    def spoken_ahead(self) -> bool:
        """Has the server sent more than the reply that is being looked at?"""
        return self._reader.waiting > 0

    def contradicted(self) -> bool:
        """Does a refusal stand right behind the reply that is being looked at?

        421 is none: a server may say after any reply that it closes the connection.
        """
        behind = self._reader.beginning
        return behind.isdigit() and behind[:1] in (b"4", b"5") and not b"421".startswith(behind)

    def forget(self) -> None:
        """TLS begins: whatever was learned in clear does not count (RFC 3207 section 4.2)."""
        self.capabilities = Capabilities()
        self._reader.clear()

    # Inside.

    def _send(self, octets: bytes, commands: int) -> None:
        if octets:
            self._out.append(octets)
        self.outstanding += commands

    def _reply(self, reply: Reply) -> None:
        # A server may refuse in the middle of the content; it cannot accept before the end.
        asked = self.outstanding > 0 or (
            self.phase is Phase.GREETING if reply.positive else self.phase in (Phase.GREETING, Phase.BLOCK)
        )
        if self._exchange is None or not asked:
            self.lost(reply.status(self.host) if reply.code == 421 else UNASKED)
            return
        self.outstanding = max(0, self.outstanding - 1)
        self._step(lambda: self._generator().send(reply))
        if reply.code == 421:
            # RFC 5321 section 3.8: the server closes the connection, whatever it was asked.
            self.lost(reply.status(self.host))

    def _generator(self) -> Dialogue[Any]:
        assert self._exchange is not None
        return self._exchange.dialogue

    def _throw(self, status: Status) -> None:
        if self._exchange is not None:
            self._step(lambda: self._generator().throw(Lost(status)))

    def _step(self, advance: Any) -> None:
        """Let the dialogue go on to where it waits again, or to its end."""
        exchange = self._exchange
        assert exchange is not None
        try:
            self.phase = advance()
        except StopIteration as end:
            self._done(exchange, end.value)
        except Exception as error:
            self._done(exchange, None, error)

    def _done(self, exchange: Exchange[Any], value: Any, error: Exception | None = None) -> None:
        self._exchange = None
        self._framing = None
        self.phase = Phase.IDLE
        if self.outstanding and self.ended is None:
            # Replies that belong to this exchange would be taken for those of the next.
            self.ended = UNEXPECTED
        exchange.finish(value, error)


def lost_text(text: str) -> Status:
    """A temporary status for a connection that ended, with a reason in the words of the system."""
    return CONNECTION_LOST.with_text(ascii_text(text))

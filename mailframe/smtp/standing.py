"""Where a dialogue stands, and how it ends: errors, silence, farewells. What commands mean is the session's."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailframe.message.status import UNKNOWN_FAULT, ProtocolError, Status

from .authentication import Authentication
from .forwarded import Presenting
from .settings import SMTPSettings
from .states import NOTHING_HERE, Expects, State
from .throttle import Pace
from .transaction import Transaction
from .wire.reply import basic_code, render

_TOO_MANY_ERRORS: Final = Status((4, 7, 0), "Too many errors", reply_code=421)


class Standing:
    """The state of one dialogue. The base of `mailframe.smtp.session.Session`.

    Args:
        settings: the listener's.
        clock: for the time.
        authentication: the exchange that may be under way.
        presenting: what a host in front says of its client.
        pace: what the client may do before it is held back.

    Attributes:
        expects: what the client sends next.
        delay: seconds to hold back what is answered now; whoever does so sets it to 0.
    """

    def __init__(
        self,
        settings: SMTPSettings,
        clock: IReactorTime,
        authentication: Authentication,
        presenting: Presenting,
        pace: Pace,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._authentication = authentication
        self._presenting = presenting
        self._pace = pace
        self.expects = Expects.COMMAND
        self._state = State.CONNECTED
        self._transaction: Transaction | None = None
        self._errors = 0
        self.delay = 0.0
        self._last_reply = b""

    def protocol_error(self, error: ProtocolError) -> bytes:
        """The reply to what broke the protocol; ends the connection after too many of them."""
        if self.expects is Expects.RESPONSE or self._authentication.responding:
            self._authentication.cancel()
            self.expects = Expects.COMMAND
        reply = self._refuse(error.status if self._state is not State.NOMAIL else NOTHING_HERE)
        if error.fatal:
            self._end()
        self._last_reply = reply
        return reply

    def internal_error(self) -> bytes:
        """The reply when we failed: temporary, and nothing more is said."""
        self._authentication.cancel()
        if self._state in (State.CONNECTED, State.DATA) or self.expects is Expects.CHUNK:
            # Nobody said yet that this client may talk here; or it may be in the middle of its data, and what
            # comes next would be taken for commands.
            self._end()
            return render(UNKNOWN_FAULT, reply_code=421)
        self.expects = Expects.COMMAND
        return render(UNKNOWN_FAULT)

    def timed_out(self) -> bytes:
        """The last words to a client that was silent too long (RFC 5321 section 3.8)."""
        return self._last_words((4, 4, 2), "closes: you were silent too long")

    def service_ends(self) -> bytes | None:
        """The last words when the service goes away (RFC 5321 section 3.8); None within a transaction."""
        if self._state in (State.MAIL, State.CHUNKS, State.DATA) or self.expects is not Expects.COMMAND:
            return None
        return self._last_words((4, 3, 2), "goes down; try again later")

    def closed(self) -> None:
        """The connection is gone: throw away what was not answered yet."""
        self._abandon()
        self._state = State.CLOSED

    # What the session ends commands with.

    def _refuse(self, status: Status, *, counted: bool = True) -> bytes:
        """A refusal, counted as an error; the last one ends the connection, as a status of 421 does."""
        if counted:
            self._errors += 1
            # Who is put off for our own troubles has not earned to wait.
            self.delay = self._pace.delay(self._errors) if status.permanent else 0.0
        if self._errors >= self._settings.errors_limit:
            self._pace.errors_exhausted()
            status = _TOO_MANY_ERRORS
        if basic_code(status) == 421:
            self._end()
        return render(status)

    def _end(self) -> None:
        self.expects = Expects.NOTHING

    def _last_words(self, enhanced: tuple[int, int, int], text: str, code: int = 421) -> bytes:
        self._end()
        return render(Status(enhanced, f"{self._settings.hostname} {text}", reply_code=code))

    def _abandon(self) -> None:
        """Forget the transaction, if there is one (RFC 5321 section 4.1.1.5)."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.discard()
        if transaction is not None and not transaction.handed_over:
            transaction.log_end(self._clock.seconds(), self._last_reply.decode().rstrip())
        self._presenting.forget()
        if self._state is not State.START:
            self._state = State.READY

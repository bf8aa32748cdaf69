"""What SMTP and LMTP commands mean: the state of one connection and its transaction. No transport.

A session is given events and answers with octets. Between the two it asks the reception. What the client must send
next (a command, data, a response, a TLS handshake, nothing more) is in `Session.expects`; the
states and what may come in each are in `mailframe.smtp.states`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.dialogue.dotstuffing import BARE_IN_CONTENT
from mailframe.dialogue.spill import Spill
from mailframe.message.address import NOT_ASCII_RECIPIENT
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.origin import Origin
from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.sasl.server import CLEAR, Channel

from . import verification
from .acceptance import Acceptance
from .authentication import NOT_OFFERED, Authentication
from .chunking import NEEDS_CHUNKS, Chunking
from .extensions import Extensions
from .forwarded import NOT_LISTED, Presenting
from .lmtp import DIALECTS, Dialect
from .metrics import METRICS
from .reception import Reception
from .settings import SMTPSettings
from .standing import Standing
from .states import ALLOWED, HOST_TAKES_NO_MAIL, NOTHING_HERE, OUT_OF_ORDER, Expects, State
from .throttle import Throttle
from .transaction import TOO_SLOW, Transaction
from .verification import LOGIN_FIRST
from .wire import commands
from .wire.commands import UNKNOWN_COMMAND
from .wire.reader import AuthResponse, ChunkPiece, DataPiece, Event
from .wire.reply import render, render_lines

_SENDER_OK: Final = b"250 2.1.0 Sender OK\r\n"
_RECIPIENT_OK: Final = b"250 2.1.5 Recipient OK\r\n"
_OK: Final = b"250 2.0.0 OK\r\n"
_SEND_DATA: Final = b"354 Send the message, end it with a line of one dot\r\n"
_START_TLS: Final = b"220 2.0.0 Begin the handshake\r\n"
_TOO_MANY_RECIPIENTS: Final = Status((4, 5, 3), "Too many recipients in one message", reply_code=452)
_TOO_MANY_TRANSACTIONS: Final = Status((4, 5, 3), "Enough messages for one connection", reply_code=421)
_TOO_LONG_A_SESSION: Final = Status(
    (4, 3, 2), "This connection lasted long enough; come again", reply_code=421
)
_TLS_ON: Final = Status((5, 5, 1), "TLS is on already", reply_code=503)

log = Logger()


class Session(Standing):
    """One client's dialogue.

    Args:
        reception: what is asked about senders, recipients and messages; shared.
        settings: the listener's.
        origin: the client; filled as the dialogue goes on.
        clock: for delays and limits of time.
        extensions: what is offered.
        throttle: holds back clients that ask for too much.
        tls_offered: is STARTTLS possible?
        secure: is TLS on from the beginning?
        channel: what the connection has that SASL mechanisms may rely on.
        presented: the client was presented by XCLIENT just now.

    Attributes:
        expects: what the client sends next.
        secure: is TLS on?
        successor: the client that the dialogue begins anew with, in another session, after XCLIENT.
    """

    def __init__(
        self,
        reception: Reception,
        settings: SMTPSettings,
        origin: Origin,
        clock: IReactorTime,
        extensions: Extensions,
        throttle: Throttle,
        *,
        tls_offered: bool = False,
        secure: bool = False,
        channel: Callable[[], Channel] = lambda: CLEAR,
        presented: bool = False,
    ) -> None:
        self._metrics = METRICS[settings.protocol]
        authentication = Authentication(reception.authenticator, settings, origin, self._metrics, channel)
        presenting = Presenting(reception, settings, origin, presented)
        super().__init__(settings, clock, authentication, presenting, throttle.pace(origin))
        self._reception = reception
        self._origin = origin
        self._extensions = extensions
        self._tls_offered = tls_offered
        self.secure = secure
        self._dialect: Dialect = DIALECTS[settings.protocol]
        self._acceptance = Acceptance(reception, self._dialect, clock, settings, self._metrics)
        self.successor: Origin | None = None
        self.messages = 0
        self._transactions = 0
        self._chunking = Chunking(settings, self._dialect, clock, extensions.chunking)
        self._ends = clock.seconds() + settings.session_timeout

    @property
    def confidential(self) -> bool:
        """May the client say secrets: is TLS on, here or at a balancer that is trusted with it?"""
        proxy = self._origin.proxy
        return self.secure or (proxy is not None and proxy.tls_counts)

    async def greet(self) -> bytes:
        """The greeting, or the refusal of the connection (RFC 5321 section 3.1)."""
        if self._settings.nomail:
            self._state = State.NOMAIL
            return render(HOST_TAKES_NO_MAIL)
        try:
            refusal = await self._reception.connect(self._origin)
        except MailframeError as error:
            log.warn("{peer} is refused: {reason}", peer=self._origin.peer, reason=error.reason)
            refusal = error.status
        if refusal is not None:
            self._end()
            # RFC 7504: 521 where nobody's mail is taken, 554 where this client's is not.
            permanent = 521 if refusal.enhanced == (5, 3, 2) else 554
            return render(refusal, reply_code=421 if refusal.temporary else permanent)
        self._state = State.START
        settings = self._settings
        return render_lines(220, (f"{settings.hostname} {self._dialect.title} {settings.banner}".rstrip(),))

    async def handle(self, event: Event) -> bytes:
        """Answer one event; nothing (no octets) where no answer is due yet.

        Raises:
            ProtocolError: the command breaks the protocol; goes to `Standing.protocol_error`.
        """
        kind = type(event)
        if kind is DataPiece:
            return await self._data_piece(event)  # type: ignore[arg-type]
        if kind is ChunkPiece:
            return await self._chunk_piece(event)  # type: ignore[arg-type]
        if self._clock.seconds() > self._ends and kind is not commands.Bdat:
            self._abandon()
            return self._refuse(_TOO_LONG_A_SESSION)
        if kind is not commands.Bdat and (refusal := self._pace.command(kind)) is not None:
            # Not for BDAT, whose octets come whatever is answered: see `_chunk_piece`.
            self._abandon()
            return self._refuse(refusal)
        if self._state is State.NOMAIL and kind not in (commands.Quit, commands.Bdat):
            raise ProtocolError(NOTHING_HERE)
        if kind is not commands.XClient:
            self._presenting.over()
        allowed = ALLOWED.get(kind)
        if allowed is not None and self._state not in allowed:
            raise ProtocolError(OUT_OF_ORDER[self._state])
        try:
            reply = await _HANDLERS[kind](self, event)
        except MailframeError as error:
            log.warn("{peer} is refused: {reason}", peer=self._origin.peer, reason=error.reason)
            reply = self._refuse(error.status)
        self._last_reply = reply
        return reply

    def tls_started(self) -> None:
        """The handshake begins: all that was said in clear is forgotten (RFC 3207 section 4.2)."""
        self._abandon()
        self._origin.helo = self._origin.login = None
        self._origin.extended = False
        self._state = State.START
        self.secure = True
        self.expects = Expects.COMMAND

    # Commands, each answers with a reply.

    async def _hello(self, command: commands.Hello) -> bytes:
        if command.verb not in self._dialect.hellos:
            return self._refuse(UNKNOWN_COMMAND)
        origin, extended = self._origin, command.verb != "HELO"
        # RFC 5321 section 4.1.4: a greeting that is not accepted leaves everything as it was.
        refusal = await self._reception.helo(replace(origin, helo=command.name, extended=extended))
        if refusal is not None:
            return self._refuse(refusal)
        self._abandon()
        origin.helo, origin.extended = command.name, extended
        self._state = State.READY
        if not origin.extended:
            return render_lines(250, (self._settings.hostname,))
        return render_lines(250, (self._settings.hostname, *self._keywords()))

    def _keywords(self) -> list[str]:
        keywords = self._extensions.keywords(self.secure, self._clock.seconds())
        if self._settings.expn == "logged-in" and self._origin.login is not None:
            keywords.append("EXPN")
        if self._tls_offered and not self.confidential:
            # Not at the end: GNU SASL's gsasl, for one, looks for "250-STARTTLS" and overlooks "250 STARTTLS".
            keywords.insert(0, "STARTTLS")
        if (auth := self._authentication.keyword(self.confidential)) is not None:
            keywords.append(auth)
        keywords.extend(self._presenting.keywords())
        return keywords

    async def _mail(self, command: commands.Mail) -> bytes:
        origin, parameters, now = self._origin, command.parameters, self._clock.seconds()
        asked = parameters.get("MT-PRIORITY")
        refusal = self._extensions.check_mail(parameters, origin, self.secure, now)
        if self._settings.require_auth and origin.login is None:
            refusal = LOGIN_FIRST
        if self._transactions >= self._settings.transactions_limit > 0:
            refusal = _TOO_MANY_TRANSACTIONS
        refusal = refusal or self._pace.mail()
        if refusal is not None:
            return self._refuse(refusal)
        envelope = Envelope(command.reverse_path, parameters=parameters)
        refusal = await self._reception.mail(origin, envelope)
        if refusal is not None:
            return self._refuse(refusal)
        self._transaction = Transaction(origin, envelope, now)
        self._transactions += 1
        self._state = State.MAIL
        if asked is not None and asked != parameters["MT-PRIORITY"]:
            return render(Status((2, 3, 6), f"{envelope.priority} is the priority of this message"))
        return _SENDER_OK

    async def _rcpt(self, command: commands.Rcpt) -> bytes:
        transaction = self._transaction
        assert transaction is not None
        if not command.ascii and not transaction.envelope.smtputf8:
            raise ProtocolError(NOT_ASCII_RECIPIENT)
        self._extensions.check_rcpt(command.parameters)
        if len(transaction.routes) >= self._settings.recipients_limit:
            # Not an error of the client: RFC 5321 section 4.5.3.1.10 wants it to go on with a second message. But
            # whoever names twice as many as may be does not listen.
            transaction.surplus += 1
            ignored = transaction.surplus > self._settings.recipients_limit
            return self._refuse(_TOO_MANY_RECIPIENTS, counted=ignored)
        held_back = self._pace.rcpt()
        if held_back is not None:
            return self._refuse(held_back)
        recipient = Recipient(command.forward_path, command.parameters)
        try:
            way = await self._reception.rcpt(self._origin, transaction.envelope, recipient)
        except MailframeError as error:
            log.warn("{queue_id}: cannot route: {reason}", queue_id=transaction.queue_id, reason=error.reason)
            way = error.status
        if isinstance(way, Status):
            transaction.note_refused(command.forward_path, way)
            self._metrics.recipients_refused.inc()
            return self._refuse(self._pace.recipient_refused(way), counted=self._dialect.strangers)
        transaction.accept(recipient, way)
        self._metrics.recipients_accepted.inc()
        return _RECIPIENT_OK

    async def _data(self, command: commands.Data) -> bytes:
        transaction, settings = self._transaction, self._settings
        assert transaction is not None
        if not transaction.routes:
            raise ProtocolError(self._dialect.no_recipients)
        if transaction.binary:
            raise ProtocolError(NEEDS_CHUNKS)
        transaction.receive(
            Spill(settings.spill_directory, settings.spill_limit),
            self._clock.seconds() + settings.transfer_timeout,
        )
        self._state = State.DATA
        self.expects = Expects.DATA
        return _SEND_DATA

    async def _rset(self, command: commands.Rset) -> bytes:
        self._abandon()
        return _OK

    async def _noop(self, command: commands.Noop) -> bytes:
        return _OK

    async def _quit(self, command: commands.Quit) -> bytes:
        self._abandon()
        return self._last_words((2, 0, 0), "closes", 221)

    async def _ask(self, command: commands.Vrfy | commands.Expn | commands.Help) -> bytes:
        return await verification.answer(command, self._reception, self._settings, self._origin)

    async def _starttls(self, command: commands.StartTLS) -> bytes:
        if self.confidential:
            raise ProtocolError(_TLS_ON)
        if not self._tls_offered:
            raise ProtocolError(NOT_OFFERED)
        self.expects = Expects.HANDSHAKE
        return _START_TLS

    async def _auth(self, command: commands.Auth) -> bytes:
        reply = await self._authentication.begin(command.mechanism, command.initial, self.confidential)
        return self._after_auth(reply)

    async def _auth_response(self, response: AuthResponse) -> bytes:
        return self._after_auth(await self._authentication.answer(response.line))

    async def _xclient(self, command: commands.XClient) -> bytes:
        if not self._presenting.may_present:
            return self._refuse(NOT_LISTED)
        self.successor = await self._presenting.present(command.attributes)
        return b""

    async def _xforward(self, command: commands.XForward) -> bytes:
        if not self._presenting.may_forward:
            return self._refuse(NOT_LISTED)
        self._presenting.forward(command.attributes)
        return _OK

    def _after_auth(self, reply: bytes) -> bytes:
        self.expects = Expects.RESPONSE if self._authentication.responding else Expects.COMMAND
        if self._authentication.exhausted:
            self._end()
        return reply

    # Data.

    async def _data_piece(self, piece: DataPiece) -> bytes:
        transaction = self._transaction
        assert transaction is not None
        if piece.refused:
            transaction.refuse(BARE_IN_CONTENT)
        transaction.write(piece.content, self._settings.size_limit)
        if piece.last:
            return await self._end_of_data(transaction)
        if self._clock.seconds() > transaction.deadline:
            transaction.refuse(TOO_SLOW)
            raise ProtocolError(TOO_SLOW, fatal=True)
        return b""

    async def _bdat(self, command: commands.Bdat) -> bytes:
        self.expects = Expects.CHUNK
        self._state = self._chunking.begin(command, self._state, self._transaction)
        return b""

    async def _chunk_piece(self, piece: ChunkPiece) -> bytes:
        chunking, transaction = self._chunking, self._transaction
        chunking.keep(piece, transaction)
        if not piece.last:
            return b""
        self.expects = Expects.COMMAND
        refusal = chunking.refusal(transaction)
        if (held_back := self._pace.command(commands.Noop if chunking.empty else commands.Bdat)) is not None:
            self._abandon()
            refusal = held_back
        if refusal is not None:
            if chunking.last and self._state is State.MAIL:
                self._abandon()
            return self._refuse(refusal)
        if not chunking.last:
            return chunking.received()
        assert transaction is not None
        return await self._end_of_data(transaction)

    async def _end_of_data(self, transaction: Transaction) -> bytes:
        self.expects = Expects.COMMAND
        statuses = await self._acceptance.conclude(transaction)
        self._presenting.forget()
        self._transaction = None
        self._state = State.READY
        if self._dialect.verdict(statuses).success:
            self.messages += 1
            self._errors = 0
            self._pace.message_taken()
        return self._dialect.answer(statuses)


_HANDLERS: Final[dict[type, Callable[[Session, Any], Awaitable[bytes]]]] = {
    commands.Hello: Session._hello,
    commands.Mail: Session._mail,
    commands.Rcpt: Session._rcpt,
    commands.Data: Session._data,
    commands.Bdat: Session._bdat,
    commands.Rset: Session._rset,
    commands.Noop: Session._noop,
    commands.Quit: Session._quit,
    commands.Help: Session._ask,
    commands.Vrfy: Session._ask,
    commands.Expn: Session._ask,
    commands.StartTLS: Session._starttls,
    commands.Auth: Session._auth,
    commands.XClient: Session._xclient,
    commands.XForward: Session._xforward,
    AuthResponse: Session._auth_response,
}

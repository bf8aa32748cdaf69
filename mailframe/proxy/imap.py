"""What is said by IMAP before the login at the front door (RFC 9051 sections 6.1 and 6.2); then the store speaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from twisted.python.failure import Failure
from zope.interface import implementer

import mailframe
from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.interfaces import NEED_DATA, IConnection, IConversation, IFarewell
from mailframe.dialogue.pace import STRANGERS, Pace
from mailframe.directory.values import Identity
from mailframe.imap.wire import reader as events
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.responses import refusal, status_line, string
from mailframe.message.status import UNKNOWN_FAULT, MailframeError, ProtocolError, Status
from mailframe.sasl.values import Password

from . import imap_entrance
from .door import Door, Visit

LIMITS: Final = events.Limits(line=16 * 1024, literal=1024, literals=4, command=24 * 1024, discard=256 * 1024)
"""What a stranger may send."""
PRIVACY_REQUIRED: Final = Status((5, 7, 11), "Log in under TLS only", "PRIVACYREQUIRED")
NO_SUCH_MECHANISM: Final = Status((5, 5, 4), "There is no such mechanism here", "CANNOT")
ID_FIELDS_LIMIT: Final = 30

Answer = Callable[[bytes], Awaitable[None]]


@implementer(IConversation, IFarewell)
class IMAPConversation:
    """One connection, until somebody is let in.

    Args:
        door: the listener's.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._visit: Visit | None = None
        self._reader = events.CommandReader(LIMITS)
        self._pace = Pace(door.clock)
        self._tag: bytes | None = None
        self._answer: Answer | None = None
        self._bad = 0

    async def opened(self, connection: IConnection) -> None:
        """Greet, or turn away."""
        visit = Visit(self._door, connection, imap_entrance.enter)
        try:
            visit.begin()
        except MailframeError as error:
            connection.write(status_line(b"BYE", error.status.text, error.status.word))
            connection.close()
            return
        self._visit = visit
        self._write(status_line(b"OK", self._door.settings.banner, f"CAPABILITY {self._capabilities()}"))

    def next_event(self, buffer: ReceiveBuffer) -> object:
        """The next command, or the answer to a challenge."""
        event = self._reader.next(buffer)
        return NEED_DATA if event is None else event

    async def handle(self, event: object) -> None:
        """Answer it."""
        match event:
            case events.Command():
                self._tag = event.tag
                await self._pace.step(STRANGERS)
                if self._of.late:
                    self._bye("Too slow to log in")
                    return
                await self._run(self._command(event))
            case events.LiteralWanted():
                self._write(b"+ Ready for the literal\r\n")
            case events.Line() if self._answer is not None:
                answer, self._answer = self._answer, None
                await self._run(answer(event.octets))
            case events.MessageOffered():
                self._tag = event.tag
                raise bad("Log in first")
            case _:
                raise bad("Nobody asked for this")

    def protocol_error(self, error: ProtocolError) -> None:
        """Answer BAD, or BYE where nothing after this can be understood."""
        tag = error.tag if isinstance(error, events.CommandError) else self._tag
        self._tag = self._answer = None
        if error.fatal:
            self._write(status_line(b"BYE", error.status.text))
            return
        self._write(status_line(b"BAD", error.status.text, None, tag or b"*"))
        self._bad += 1
        if self._bad >= self._door.settings.bad_commands_limit:
            self._bye("Too many broken commands")

    def internal_error(self, failure: Failure) -> None:
        """Answer NO [SERVERBUG]; what it was is in the log."""
        if self._tag is not None:
            self._write(refusal(self._tag, UNKNOWN_FAULT))
        self._tag = self._answer = None

    def timed_out(self) -> None:
        """Say goodbye to a silent client."""
        self._write(status_line(b"BYE", "Too slow to log in"))

    def farewell(self) -> bool:
        """Say goodbye between two commands."""
        self._bye("The server is going down; connect again", "UNAVAILABLE")
        return True

    def closed(self) -> None:
        """Nobody came in."""
        if self._visit is not None:
            self._visit.end()

    @property
    def _of(self) -> Visit:
        assert self._visit is not None
        return self._visit

    def _write(self, octets: bytes) -> None:
        if self._visit is not None:
            self._visit.connection.write(octets)

    def _bye(self, text: str, word: str | None = None) -> None:
        self._write(status_line(b"BYE", text, word))
        self._of.connection.close(lingering=True)

    async def _run(self, step: Awaitable[None]) -> None:
        tag = self._tag
        assert tag is not None
        try:
            await step
        except MailframeError as error:
            self._answer = None
            self._write(refusal(tag, error.status))
            if self._of.logins.exhausted:
                self._bye("Too many failed logins")

    # Commands.

    async def _command(self, command: events.Command) -> None:
        arguments = command.arguments
        match command.name:
            case "CAPABILITY":
                arguments.end()
                self._write(b"* CAPABILITY %b\r\n" % self._capabilities().encode("ascii"))
                self._done("CAPABILITY completed")
            case "NOOP":
                arguments.end()
                self._done("NOOP completed")
            case "ID":
                self._identify(arguments)
            case "LOGOUT":
                arguments.end()
                self._write(status_line(b"BYE", "Logging out"))
                self._done("LOGOUT completed")
                self._of.connection.close()
            case "STARTTLS":
                arguments.end()
                self._of.start_tls(status_line(b"OK", "Begin the handshake", None, command.tag))
                self._reader = events.CommandReader(LIMITS)
            case "LOGIN":
                await self._login(arguments)
            case "AUTHENTICATE":
                await self._authenticate(arguments)
            case _:
                raise bad("Log in first")

    def _done(self, text: str) -> None:
        assert self._tag is not None
        self._write(status_line(b"OK", text, None, self._tag))

    def _capabilities(self) -> str:
        visit, names = self._of, self._door.settings.capabilities.split()
        secure = visit.connection.confidential
        if visit.may_start_tls:
            names.append("STARTTLS")
        names += [f"AUTH={name}" for name in visit.mechanisms()]
        if not visit.logins.passwords_allowed(secure):
            names.append("LOGINDISABLED")
        return " ".join(names)

    def _identify(self, arguments: Parser) -> None:
        arguments.space()
        fields: dict[str, str] = {}
        if arguments.accept(b"("):
            while not arguments.accept(b")"):
                if len(fields) >= ID_FIELDS_LIMIT:
                    raise bad("Too many fields in ID")
                if fields:
                    arguments.space()
                name = arguments.string().decode("utf-8", "replace").lower()
                arguments.space()
                fields[name] = (arguments.nstring() or b"").decode("utf-8", "replace")
        else:
            arguments.nstring()
        arguments.end()
        hops = fields.get("x-mailframe-hops", "")
        self._of.hops = int(hops) if hops.isdecimal() and len(hops) < 4 else self._of.hops
        pairs = (b"name", b"Mailframe", b"version", mailframe.__version__.encode("ascii"))
        self._write(b"* ID (%b)\r\n" % b" ".join(map(string, pairs)))
        self._done("ID completed")

    async def _login(self, arguments: Parser) -> None:
        arguments.space()
        name = arguments.astring()
        arguments.space()
        password = arguments.astring()
        arguments.end()
        visit = self._of
        if not visit.logins.passwords_allowed(visit.connection.confidential):
            raise MailframeError(PRIVACY_REQUIRED)
        try:
            authcid = name.decode("utf-8")
        except UnicodeDecodeError:
            raise bad("The name is not UTF-8") from None
        await self._enter(await visit.logins.check(Password(authcid, password)))

    async def _authenticate(self, arguments: Parser) -> None:
        arguments.space()
        name = arguments.atom().decode("ascii").upper()
        initial = None
        if not arguments.at_end:
            arguments.space()
            initial = arguments.astring()
            arguments.end()
        visit = self._of
        secure = visit.connection.confidential
        if not visit.logins.allowed(secure):
            raise MailframeError(PRIVACY_REQUIRED)
        try:
            exchange = visit.login(name)
        except KeyError:
            raise MailframeError(NO_SUCH_MECHANISM) from None

        async def go_on(said: bytes | Identity) -> None:
            if isinstance(said, Identity):
                await self._enter(said)
                return
            self._write(b"+ %b\r\n" % said)
            self._answer = answered
            self._reader.expect_line()

        async def answered(line: bytes) -> None:
            await go_on(await exchange.answer(line))

        await go_on(await exchange.begin(initial))

    async def _enter(self, identity: Identity) -> None:
        tag = self._tag
        assert tag is not None
        capabilities = await self._of.enter(identity)
        code = f"CAPABILITY {capabilities.decode('ascii', 'replace')}" if capabilities else None
        self._of.go_through(status_line(b"OK", "Logged in", code, tag))

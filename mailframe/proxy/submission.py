"""What is said at submission before the login at the front door (RFC 6409, RFC 4954); then the one behind speaks."""

from __future__ import annotations

from typing import Final

from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.interfaces import NEED_DATA, IConnection, IConversation, IFarewell
from mailframe.dialogue.logins import Login
from mailframe.dialogue.pace import STRANGERS, Pace
from mailframe.directory.values import Identity
from mailframe.message.status import UNKNOWN_FAULT, MailframeError, ProtocolError, Status
from mailframe.smtp.wire import commands
from mailframe.smtp.wire.reader import AuthResponse, Reader
from mailframe.smtp.wire.reply import render, render_lines

from . import submission_entrance
from .backend import BackendConnection
from .door import Door, Visit
from .entering import Way
from .passing import PassedLogin

LINE_LIMIT: Final = 4096
LOG_IN_FIRST: Final = Status((5, 7, 0), "Log in first", reply_code=530)
ENCRYPT_FIRST: Final = Status((5, 7, 11), "Encryption is required to log in; see STARTTLS")
MECHANISM_UNKNOWN: Final = Status((5, 5, 4), "There is no such authentication mechanism", reply_code=504)
HELLO_FIRST: Final = Status((5, 5, 1), "EHLO comes first")
LOGGED_IN: Final = Status((2, 7, 0), "Logged in")
DONE: Final = Status((2, 0, 0), "Done")
BEGIN: Final = Status((2, 0, 0), "Begin the handshake", reply_code=220)
GOODBYE: Final = Status((2, 0, 0), "Goodbye", reply_code=221)
TOO_MANY_LOGINS: Final = Status((4, 7, 0), "Too many failed logins", reply_code=421)
TOO_MANY_ERRORS: Final = Status((4, 7, 0), "Too many broken commands", reply_code=421)
TOO_LATE: Final = Status((4, 4, 2), "Too slow to log in", reply_code=421)
GOES_DOWN: Final = Status((4, 3, 2), "The server is going down; connect again", reply_code=421)


@implementer(IConversation, IFarewell)
class SubmissionConversation:
    """One connection, until somebody is let in.

    Args:
        door: the listener's.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._visit: Visit | None = None
        self._reader = Reader(LINE_LIMIT)
        self._pace = Pace(door.clock)
        self._hello = b""
        self._login: Login | PassedLogin | None = None
        self._errors = 0

    async def opened(self, connection: IConnection) -> None:
        """Greet, or turn away."""
        visit = Visit(self._door, connection, self._log_in)
        try:
            visit.begin()
        except MailframeError as error:
            connection.write(render(error.status, reply_code=421))
            connection.close()
            return
        self._visit = visit
        self._write(render_lines(220, (f"{self._door.hostname} ESMTP {self._door.settings.banner}",)))

    def next_event(self, buffer: ReceiveBuffer) -> object:
        """The next command, or response to a challenge."""
        event = self._reader.next_event(buffer)
        return NEED_DATA if event is None else event

    async def handle(self, event: object) -> None:
        """Answer it."""
        await self._pace.step(STRANGERS)
        if self._of.late:
            self._end(TOO_LATE)
            return
        try:
            await self._answer(event)
        except MailframeError as error:
            self._login = None
            if self._of.logins.exhausted:
                self._end(TOO_MANY_LOGINS)
            else:
                self._write(render(error.status, reply_code=454 if error.status.temporary else None))

    def protocol_error(self, error: ProtocolError) -> None:
        """Tell what was wrong, a number of times."""
        self._login = None
        self._errors += 1
        if self._errors >= self._door.settings.bad_commands_limit or self._of.logins.exhausted:
            self._end(TOO_MANY_ERRORS)
        else:
            self._write(render(error.status))

    def internal_error(self, failure: Failure) -> None:
        """Tell that we failed."""
        self._login = None
        self._write(render(UNKNOWN_FAULT))

    def timed_out(self) -> None:
        """Tell that it was silent too long."""
        self._write(render(TOO_LATE))

    def farewell(self) -> bool:
        """Say goodbye."""
        self._write(render(GOES_DOWN))
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

    def _end(self, status: Status) -> None:
        self._write(render(status))
        self._of.connection.close(lingering=True)

    async def _answer(self, event: object) -> None:
        match event:
            case commands.Hello():
                self._greeted(event)
            case commands.StartTLS():
                self._of.start_tls(render(BEGIN))
                self._hello, self._login = b"", None
            case commands.Auth():
                await self._authenticate(event)
            case AuthResponse():
                assert self._login is not None
                await self._go_on(await self._login.answer(event.line))
            case commands.Noop() | commands.Rset():
                self._write(render(DONE))
            case commands.Quit():
                self._write(render(GOODBYE))
                self._of.connection.close()
            case _:
                raise ProtocolError(LOG_IN_FIRST)

    def _greeted(self, hello: commands.Hello) -> None:
        name = hello.name.encode("ascii", "replace")
        self._hello = b"EHLO " + name
        if hello.verb == "HELO":
            self._write(render_lines(250, (self._door.hostname,)))
            return
        lines = [self._door.hostname, *self._door.settings.submission_capabilities]
        if self._of.may_start_tls:
            lines.append("STARTTLS")
        if mechanisms := self._of.mechanisms():
            lines.append("AUTH " + " ".join(mechanisms))
        self._write(render_lines(250, tuple(lines)))

    async def _authenticate(self, command: commands.Auth) -> None:
        visit = self._of
        secure = visit.connection.confidential
        if not self._hello:
            raise ProtocolError(HELLO_FIRST)
        if not visit.logins.allowed(secure):
            raise ProtocolError(ENCRYPT_FIRST)
        try:
            login = self._login = visit.login(command.mechanism)
        except KeyError:
            raise ProtocolError(MECHANISM_UNKNOWN) from None
        await self._go_on(await login.begin(command.initial))

    async def _go_on(self, said: bytes | Identity) -> None:
        if isinstance(said, bytes):
            self._write(b"334 " + said + b"\r\n")
            self._reader.expect_response()
            return
        self._login = None
        await self._of.enter(said)
        self._of.go_through(render(LOGGED_IN))

    async def _log_in(self, backend: BackendConnection, way: Way) -> None:
        await submission_entrance.enter(backend, way, self._hello)

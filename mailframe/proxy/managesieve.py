"""What is said by ManageSieve before the login at the front door (RFC 5804 section 2); then the store speaks."""

from __future__ import annotations

from typing import Final

from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.interfaces import NEED_DATA, IConnection, IConversation, IFarewell, IHandshaken
from mailframe.dialogue.logins import Login
from mailframe.dialogue.pace import STRANGERS, Pace
from mailframe.directory.values import Identity
from mailframe.message.status import MailframeError, ProtocolError, Status

from . import managesieve_entrance
from .door import Door, Visit
from .passing import PassedLogin
from .sieve_wire import Line, SieveReader, quoted, response

NOT_BEFORE: Final = Status((5, 5, 1), "Log in first")
BAD_COMMAND: Final = Status((5, 5, 2), "This cannot be said so")
ENCRYPT_NEEDED: Final = "ENCRYPT-NEEDED"
_CODES: Final = {"UNAVAILABLE": "TRYLATER", "LIMIT": "QUOTA", "AUTHENTICATIONFAILED": ""}


@implementer(IConversation, IFarewell, IHandshaken)
class ManageSieveConversation:
    """One connection, until somebody is let in.

    Args:
        door: the listener's.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._visit: Visit | None = None
        self._reader = SieveReader()
        self._pace = Pace(door.clock)
        self._login: Login | PassedLogin | None = None
        self._errors = 0

    async def opened(self, connection: IConnection) -> None:
        """Greet with what can be done, or turn away."""
        visit = Visit(self._door, connection, managesieve_entrance.enter)
        try:
            visit.begin()
        except MailframeError as error:
            connection.write(response("BYE", error.status.text, "TRYLATER"))
            connection.close()
            return
        self._visit = visit
        self._write(self._capabilities() + response("OK", self._door.settings.banner))

    def next_event(self, buffer: ReceiveBuffer) -> object:
        """The next line."""
        line = self._reader.next(buffer)
        return NEED_DATA if line is None else line

    def handshaken(self) -> None:
        """Tell anew what can be done, without being asked (RFC 5804 section 2.2)."""
        self._write(self._capabilities() + response("OK"))

    async def handle(self, event: object) -> None:
        """Answer it."""
        assert isinstance(event, Line)
        await self._pace.step(STRANGERS)
        if self._of.late:
            self._bye("Too slow to log in")
            return
        try:
            await self._answer(event)
        except MailframeError as error:
            self._login = None
            if self._of.logins.exhausted:
                self._bye("Too many failed logins")
            else:
                self._write(response("NO", error.status.text, _CODES.get(error.status.word or "", "")))

    def protocol_error(self, error: ProtocolError) -> None:
        """Tell what was wrong, a number of times."""
        self._login = None
        self._errors += 1
        if error.fatal or self._errors >= self._door.settings.bad_commands_limit or self._of.logins.exhausted:
            self._bye(error.status.text)
        else:
            self._write(response("NO", error.status.text))

    def internal_error(self, failure: Failure) -> None:
        """Tell that we failed."""
        self._login = None
        self._write(response("NO", "Something went wrong here; try again later", "TRYLATER"))

    def timed_out(self) -> None:
        """Tell that it was silent too long."""
        self._write(response("BYE", "Too slow to log in"))

    def farewell(self) -> bool:
        """Say goodbye."""
        self._write(response("BYE", "The server is going down; connect again", "TRYLATER"))
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

    def _bye(self, text: str) -> None:
        self._write(response("BYE", text))
        self._of.connection.close(lingering=True)

    def _capabilities(self) -> bytes:
        mechanisms = self._of.mechanisms()
        found = [
            ("IMPLEMENTATION", "Mailframe"),
            ("SASL", " ".join(mechanisms)),
            ("SIEVE", " ".join(self._door.settings.sieve_extensions)),
            ("VERSION", "1.0"),
        ]
        lines = [b"%b %b\r\n" % (quoted(name.encode()), quoted(value.encode())) for name, value in found]
        if self._of.may_start_tls:
            lines.append(b'"STARTTLS"\r\n')
        return b"".join(lines)

    async def _answer(self, line: Line) -> None:
        if self._login is not None:
            login = self._login
            await self._go_on(login, await login.answer(line.strings[0] if line.strings else b"*"))
            return
        match line.word:
            case "CAPABILITY":
                self._write(self._capabilities() + response("OK"))
            case "NOOP":
                tag = b' (TAG %b) "Done"' % quoted(line.strings[0]) if line.strings else b""
                self._write(b"OK" + tag + b"\r\n")
            case "LOGOUT":
                self._write(response("OK"))
                self._of.connection.close()
            case "STARTTLS":
                self._of.start_tls(response("OK", "Begin the handshake"))
            case "AUTHENTICATE":
                await self._authenticate(line)
            case _:
                raise ProtocolError(NOT_BEFORE)

    async def _authenticate(self, line: Line) -> None:
        visit = self._of
        if not line.strings or len(line.strings) > 2:
            raise ProtocolError(BAD_COMMAND)
        secure = visit.connection.confidential
        if not visit.logins.allowed(secure):
            self._write(response("NO", "Encryption is required to log in; see STARTTLS", ENCRYPT_NEEDED))
            return
        name = line.strings[0].decode("ascii", "replace").upper()
        try:
            login = visit.login(name)
        except KeyError:
            self._write(response("NO", "There is no such authentication mechanism"))
            return
        # A string of no octets is an initial response of none, which SASL-IR writes as "=".
        initial = (line.strings[1] or b"=") if len(line.strings) == 2 else None
        await self._go_on(login, await login.begin(initial))

    async def _go_on(self, login: Login | PassedLogin, said: bytes | Identity) -> None:
        if isinstance(said, bytes):
            self._login = login
            self._write(quoted(said) + b"\r\n")
            return
        self._login = None
        await self._of.enter(said)
        self._of.go_through(response("OK", "Logged in"))

"""What is said by POP3 before the login at the front door (RFC 1939 section 4, RFC 2449); then the store speaks."""

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
from mailframe.pop3.authorization import ENCRYPT_FIRST, MECHANISM_UNKNOWN, NAME_FIRST
from mailframe.pop3.wire import commands
from mailframe.pop3.wire.reader import Reader, Response
from mailframe.pop3.wire.replies import challenge, listing, ok, render
from mailframe.sasl.values import Password

from . import pop3_entrance
from .door import Door, Visit
from .passing import PassedLogin

LINE_LIMIT: Final = 1024
CAPABILITIES: Final = ("TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE")
"""What all stores are taken to have."""
LOG_IN_FIRST: Final = Status((5, 5, 1), "Log in first")
TOO_MANY_LOGINS: Final = Status((5, 7, 0), "Too many failed logins")
TOO_MANY_ERRORS: Final = Status((5, 5, 0), "Too many broken commands")
TOO_LATE: Final = Status((4, 4, 2), "Too slow to log in")
GOES_DOWN: Final = Status((4, 3, 2), "The server is going down; connect again")


@implementer(IConversation, IFarewell)
class POP3Conversation:
    """One connection, until somebody is let in.

    Args:
        door: the listener's.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._visit: Visit | None = None
        self._name: str | None = None
        self._login: Login | PassedLogin | None = None
        self._reader = Reader(LINE_LIMIT)
        self._pace = Pace(door.clock)
        self._errors = 0

    async def opened(self, connection: IConnection) -> None:
        """Greet, or turn away."""
        visit = Visit(self._door, connection, pop3_entrance.enter)
        try:
            visit.begin()
        except MailframeError as error:
            connection.write(render(error.status))
            connection.close()
            return
        self._visit = visit
        connection.write(ok(self._door.settings.banner))

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
                self._end(error.status if error.status.temporary else TOO_MANY_LOGINS)
            else:
                self._write(render(error.status))

    def protocol_error(self, error: ProtocolError) -> None:
        """Tell what was wrong, a number of times."""
        self._forget()
        self._errors += 1
        if self._of.logins.exhausted:
            self._end(TOO_MANY_LOGINS)
        elif self._errors >= self._door.settings.bad_commands_limit:
            self._end(TOO_MANY_ERRORS)
        else:
            self._write(render(error.status))

    def internal_error(self, failure: Failure) -> None:
        """Tell that we failed."""
        self._forget()
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
        connection = self._of.connection
        match event:
            case commands.Capa():
                self._write(b"".join(listing(ok("Capabilities"), self._capabilities())))
            case commands.User():
                self._user(event.name)
            case commands.Pass():
                await self._go_on(await self._password(event.password))
            case commands.Auth() if event.mechanism is None:
                self._write(b"".join(listing(ok(), self._of.mechanisms())))
            case commands.Auth():
                await self._go_on(await self._begin(event))
            case Response():
                assert self._login is not None
                await self._go_on(await self._login.answer(event.line))
            case commands.Stls():
                self._forget()
                self._of.start_tls(ok("Begin the handshake"))
            case commands.Quit():
                self._write(ok("Goodbye"))
                connection.close()
            case _:
                raise ProtocolError(LOG_IN_FIRST)

    def _forget(self) -> None:
        self._name = self._login = None

    def _user(self, name: str) -> None:
        """Whether there is such a user is not told."""
        if not self._of.logins.passwords_allowed(self._of.connection.confidential):
            # Here, and not at PASS, so that no password is sent in clear.
            raise ProtocolError(ENCRYPT_FIRST)
        self._name = name
        self._write(ok("Now the password"))

    async def _password(self, password: bytes) -> Identity:
        name, self._name = self._name, None
        if name is None:
            raise ProtocolError(NAME_FIRST)
        return await self._of.logins.check(Password(name, password))

    async def _begin(self, command: commands.Auth) -> bytes | Identity:
        assert command.mechanism is not None
        if not self._of.logins.allowed(self._of.connection.confidential):
            raise ProtocolError(ENCRYPT_FIRST)
        try:
            self._login = self._of.login(command.mechanism)
        except KeyError:
            raise ProtocolError(MECHANISM_UNKNOWN) from None
        return await self._login.begin(command.initial)

    def _capabilities(self) -> list[str]:
        found = [*CAPABILITIES, "IMPLEMENTATION Mailframe"]
        if self._of.logins.passwords_allowed(self._of.connection.confidential):
            found.append("USER")
        if mechanisms := self._of.mechanisms():
            found.append("SASL " + " ".join(mechanisms))
        if self._of.may_start_tls:
            found.append("STLS")
        return found

    async def _go_on(self, said: bytes | Identity) -> None:
        if isinstance(said, bytes):
            self._write(challenge(said))
            self._reader.expect_response()
            return
        self._login = None
        await self._of.enter(said)
        self._of.go_through(ok("Logged in"))

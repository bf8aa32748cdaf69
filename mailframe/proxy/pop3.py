"""What is said by POP3 before the login at the front door (RFC 1939 section 4, RFC 2449); then the store speaks."""

from __future__ import annotations

from typing import Final

from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.interfaces import NEED_DATA, IConnection, IConversation, IFarewell
from mailframe.dialogue.logins import channel_of
from mailframe.dialogue.pace import STRANGERS, Pace
from mailframe.directory.values import Identity
from mailframe.message.status import UNKNOWN_FAULT, MailframeError, ProtocolError, Status
from mailframe.pop3.authorization import Authorization
from mailframe.pop3.wire import commands
from mailframe.pop3.wire.reader import Reader, Response
from mailframe.pop3.wire.replies import challenge, listing, ok, render

from . import pop3_entrance
from .door import Door, Visit

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
        self._authorization: Authorization | None = None
        self._reader = Reader(LINE_LIMIT)
        self._pace = Pace(door.clock)
        self._errors = 0

    async def opened(self, connection: IConnection) -> None:
        """Greet, or turn away."""
        visit = Visit(self._door, connection)
        try:
            visit.begin()
        except MailframeError as error:
            connection.write(render(error.status))
            connection.close()
            return
        self._visit = visit
        self._authorization = Authorization(visit.logins)
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
            if self._auth.exhausted:
                self._end(error.status if error.status.temporary else TOO_MANY_LOGINS)
            else:
                self._write(render(error.status))

    def protocol_error(self, error: ProtocolError) -> None:
        """Tell what was wrong, a number of times."""
        self._auth.forget()
        self._errors += 1
        if self._auth.exhausted:
            self._end(TOO_MANY_LOGINS)
        elif self._errors >= self._door.settings.bad_commands_limit:
            self._end(TOO_MANY_ERRORS)
        else:
            self._write(render(error.status))

    def internal_error(self, failure: Failure) -> None:
        """Tell that we failed."""
        self._auth.forget()
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

    @property
    def _auth(self) -> Authorization:
        assert self._authorization is not None
        return self._authorization

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
                self._auth.user(event.name, connection.confidential)
                self._write(ok("Now the password"))
            case commands.Pass():
                await self._go_on(await self._auth.password(event.password))
            case commands.Auth() if event.mechanism is None:
                self._write(b"".join(listing(ok(), self._mechanisms())))
            case commands.Auth():
                channel = channel_of(connection)
                await self._go_on(await self._auth.begin(event, connection.confidential, channel))
            case Response():
                await self._go_on(await self._auth.answer(event.line))
            case commands.Stls():
                self._auth.forget()
                self._of.start_tls(ok("Begin the handshake"))
            case commands.Quit():
                self._write(ok("Goodbye"))
                connection.close()
            case _:
                raise ProtocolError(LOG_IN_FIRST)

    def _mechanisms(self) -> tuple[str, ...]:
        connection = self._of.connection
        return self._auth.mechanisms(connection.confidential, channel_of(connection))

    def _capabilities(self) -> list[str]:
        found = [*CAPABILITIES, "IMPLEMENTATION Mailframe"]
        if self._auth.passwords_allowed(self._of.connection.confidential):
            found.append("USER")
        if mechanisms := self._mechanisms():
            found.append("SASL " + " ".join(mechanisms))
        if self._of.may_start_tls:
            found.append("STLS")
        return found

    async def _go_on(self, said: bytes | Identity) -> None:
        if isinstance(said, bytes):
            self._write(challenge(said))
            self._reader.expect_response()
            return
        await self._of.enter(said, pop3_entrance.enter)
        self._of.go_through(ok("Logged in"))

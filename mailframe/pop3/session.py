"""What POP3 commands mean: the state of one session. No transport of its own; it writes into a connection.

States and the commands that change them (RFC 1939 section 3)::

    AUTHORIZATION --PASS, AUTH--> TRANSACTION --QUIT--> UPDATE
    AUTHORIZATION --STLS--> AUTHORIZATION, under TLS
    AUTHORIZATION --QUIT--> the end, without UPDATE

Long answers are written piece by piece, and the next piece is not made before the client has taken enough.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.dialogue.dotstuffing import DotWriter
from mailframe.dialogue.interfaces import IConnection
from mailframe.dialogue.logins import channel_of
from mailframe.dialogue.shield import TakesTooLong, shielded
from mailframe.directory.values import Identity
from mailframe.message.status import UNKNOWN_FAULT, MailframeError, ProtocolError, Status
from mailframe.store.interfaces import IMailStore

from . import metrics
from .admission import Admission
from .authorization import Authorization
from .capabilities import LANGUAGES, capabilities, mechanisms
from .maildrop import Maildrop, open_maildrop
from .settings import POP3Settings
from .wire import commands
from .wire.commands import Command
from .wire.reader import Response
from .wire.replies import challenge, listing, ok, render
from .wire.top import TopCut

LOG_IN_FIRST: Final = Status((5, 5, 1), "Log in first")
LOGGED_IN: Final = Status((5, 5, 1), "You are logged in already")
TLS_ON: Final = Status((5, 5, 1), "TLS is on already")
NO_TLS: Final = Status((5, 5, 1), "TLS is not offered here")
TOO_MANY_ERRORS: Final = Status((5, 7, 0), "Too many errors")
TOO_MANY_LOGINS: Final = Status((5, 7, 0), "Too many failed logins")
SILENT: Final = Status((4, 4, 2), "You were silent too long")
NOT_REMOVED: Final = Status((4, 2, 0), "Some messages marked deleted were not removed")
NO_SUCH_LANGUAGE: Final = Status((5, 5, 4), "That language is not spoken here; see LANG")
GOES_DOWN: Final = Status((4, 3, 2), "The service goes down; try again later")
UPDATE_LIMIT: Final = 300.0
"""Seconds a client waits for the UPDATE state, before it is told that not all was removed."""
_TOP_WINDOW: Final = 16 * 1024  # read first, since most clients want the header

log = Logger()


class State(enum.Enum):
    """Where the dialogue stands."""

    AUTHORIZATION = "before login"
    TRANSACTION = "logged in"
    UPDATE = "after QUIT, or at the end"


_STATES: Final[dict[type, tuple[State, ...]]] = {
    commands.User: (State.AUTHORIZATION,),
    commands.Pass: (State.AUTHORIZATION,),
    commands.Auth: (State.AUTHORIZATION,),
    commands.Stls: (State.AUTHORIZATION,),
    Response: (State.AUTHORIZATION,),
    commands.Quit: (State.AUTHORIZATION, State.TRANSACTION),
    commands.Capa: (State.AUTHORIZATION, State.TRANSACTION),
    commands.Lang: (State.AUTHORIZATION, State.TRANSACTION),
    commands.Utf8: (State.AUTHORIZATION,),
}
"""All others: `State.TRANSACTION`."""


class Session:
    """One client's dialogue.

    Args:
        store: where the mail is.
        authorization: logins of this connection.
        admission: lets logins in.
        settings: the listener's.
        connection: answers go here.
        clock: for limits of time.
        start_tls: sends a go-ahead and begins the handshake; None where TLS is not offered.
        expire: seconds after which mail goes by itself; None for never.

    Attributes:
        login: the account logged in, or None.
        messages: how many were sent whole.
        removed: how many were removed at QUIT.
        octets: octets of messages sent.
    """

    def __init__(
        self,
        store: IMailStore,
        authorization: Authorization,
        admission: Admission,
        settings: POP3Settings,
        connection: IConnection,
        clock: IReactorTime,
        start_tls: Callable[[bytes], None] | None = None,
        expire: float | None = None,
    ) -> None:
        self._store = store
        self._authorization = authorization
        self._admission = admission
        self._settings = settings
        self._connection = connection
        self._clock = clock
        self._start_tls = start_tls
        self._expire = expire
        self._state = State.AUTHORIZATION
        self._maildrop: Maildrop | None = None
        self._in_message = False
        self._errors = 0
        self.login: str | None = None
        self.messages = self.removed = self.octets = 0

    @property
    def responding(self) -> bool:
        """Does a response to a challenge come next?"""
        return self._authorization.responding

    async def handle(self, event: Command | Response) -> None:
        """Answer one event.

        Raises:
            ProtocolError: the command may not come now; goes to `protocol_error`.
        """
        if self._state not in _STATES.get(type(event), (State.TRANSACTION,)):
            raise ProtocolError(LOG_IN_FIRST if self._state is State.AUTHORIZATION else LOGGED_IN)
        try:
            await _ANSWERS[type(event)](self, event)
        except MailframeError as error:
            self._refuse(error.status)
        else:
            # A stranger's errors are not forgotten for what else it says: else it could go on for ever.
            self._errors = self._errors if self._state is State.AUTHORIZATION else 0

    def protocol_error(self, error: ProtocolError) -> None:
        """Answer what broke the protocol; the connection ends after too many of them."""
        self._authorization.forget()
        self._refuse(error.status)

    def internal_error(self) -> None:
        """Answer when we failed."""
        self._authorization.forget()
        self._refuse(UNKNOWN_FAULT)

    def timed_out(self) -> None:
        """The last words to a client that was silent too long; nothing is removed (RFC 1939 section 3)."""
        if not self._in_message:
            self._connection.write(render(SILENT))

    def service_ends(self) -> bool:
        """The last words when the service goes away; False while a maildrop is open: its QUIT is waited for."""
        if self._state is State.TRANSACTION:
            return False
        self._connection.write(render(GOES_DOWN))
        return True

    def closed(self) -> None:
        """The connection is gone; without QUIT, nothing is removed."""
        self._state = State.UPDATE
        if self._maildrop is not None:
            self._maildrop.close()
            self._maildrop = None
        if self.login is not None:
            self._admission.let_out(self.login)

    def _refuse(self, status: Status) -> None:
        if self._in_message:
            # Whatever is said now would be a part of the message.
            self._connection.abort()
            return
        self._errors += 1
        if self._authorization.exhausted:
            self._end(TOO_MANY_LOGINS if not status.temporary else status)
        elif self._errors >= self._settings.errors_limit:
            self._end(TOO_MANY_ERRORS)
        else:
            self._connection.write(render(status))

    def _end(self, status: Status) -> None:
        self._state = State.UPDATE
        self._connection.write(render(status))
        self._connection.close(lingering=True)

    # AUTHORIZATION.

    async def _user(self, command: commands.User) -> None:
        self._authorization.user(command.name, self._connection.confidential)
        self._connection.write(ok("Now the password"))

    async def _pass(self, command: commands.Pass) -> None:
        await self._log_in(await self._authorization.password(command.password))

    async def _auth(self, command: commands.Auth) -> None:
        if command.mechanism is None:
            # Not in RFC 5034, but old clients ask so; the answer is RFC 1734's successor by custom.
            await self._list(ok(), mechanisms(self._authorization, self._connection))
            return
        connection = self._connection
        channel = channel_of(connection)
        await self._go_on(await self._authorization.begin(command, connection.confidential, channel))

    async def _response(self, response: Response) -> None:
        await self._go_on(await self._authorization.answer(response.line))

    async def _go_on(self, said: bytes | Identity) -> None:
        if isinstance(said, bytes):
            self._connection.write(challenge(said))
        else:
            await self._log_in(said)

    async def _log_in(self, identity: Identity) -> None:
        name = identity.account.name
        self._admission.let_in(name)
        try:
            maildrop = await open_maildrop(await self._store.account(name), self._settings.uidl_format)
        except BaseException:
            self._admission.let_out(name)
            raise
        self.login, self._maildrop = name, maildrop
        self._state = State.TRANSACTION
        self._connection.set_timeout(self._settings.autologout)
        count, octets = maildrop.figures
        self._connection.write(ok(f"{count} messages, {octets} octets"))

    async def _stls(self, command: commands.Stls) -> None:
        if self._connection.confidential:
            raise ProtocolError(TLS_ON)
        if self._start_tls is None:
            raise ProtocolError(NO_TLS)
        # RFC 2595 section 4: what was learned in clear is forgotten.
        self._authorization.forget()
        self._start_tls(ok("Begin the handshake"))

    async def _utf8(self, command: commands.Utf8) -> None:
        # Messages are sent as they came, to clients that did not say it as well; names are UTF-8 from the start.
        self._connection.write(ok("UTF-8 it is"))

    # Any state.

    async def _capa(self, command: commands.Capa) -> None:
        tls, login = self._start_tls is not None, self.login is not None
        found = capabilities(self._settings, self._expire, self._authorization, self._connection, login, tls)
        await self._list(ok("Capabilities"), found)

    async def _lang(self, command: commands.Lang) -> None:
        if command.tag is None:
            await self._list(ok("Languages"), (f"{tag} {name}" for tag, name in LANGUAGES.items()))
            return
        tag = "i-default" if command.tag == "*" else command.tag
        if tag not in LANGUAGES:
            raise ProtocolError(NO_SUCH_LANGUAGE)
        self._connection.write(ok(f"{tag} {LANGUAGES[tag]} it is"))

    async def _quit(self, command: commands.Quit) -> None:
        self._state = State.UPDATE
        maildrop, self._maildrop = self._maildrop, None
        # Many clients hang up behind their QUIT: what they wanted is done to the end all the same.
        work = Deferred.fromCoroutine(self._update(maildrop))
        try:
            reply = await shielded(work, self._clock, UPDATE_LIMIT)
        except TakesTooLong:
            log.error("the update of the maildrop of {account} takes too long", account=self.login)
            reply = render(NOT_REMOVED)
        self._connection.write(reply)
        self._connection.close()

    async def _update(self, maildrop: Maildrop | None) -> bytes:
        """Enter the UPDATE state (RFC 1939 section 6); the maildrop is closed after it.

        Returns:
            The answer to QUIT.
        """
        if maildrop is None:
            return ok("Bye")
        try:
            self.removed = await maildrop.update(self._settings.mark_seen)
        except MailframeError as error:
            log.error(
                "the maildrop of {account} was not updated: {reason}",
                account=self.login,
                reason=error.reason,
            )
            return render(NOT_REMOVED)
        except Exception:
            log.failure("the maildrop of {account} was not updated", account=self.login)
            return render(NOT_REMOVED)
        finally:
            maildrop.close()
        metrics.REMOVED.inc(self.removed)
        return ok("Bye")

    # TRANSACTION.

    async def _stat(self, command: commands.Stat) -> None:
        count, octets = self._opened.figures
        self._connection.write(ok(f"{count} {octets}"))

    async def _noop(self, command: commands.Noop) -> None:
        self._connection.write(ok())

    async def _rset(self, command: commands.Rset) -> None:
        self._opened.reset()
        count, octets = self._opened.figures
        self._connection.write(ok(f"{count} messages, {octets} octets"))

    async def _dele(self, command: commands.Dele) -> None:
        self._opened.delete(command.number)
        self._connection.write(ok("Marked deleted"))

    async def _list_sizes(self, command: commands.List) -> None:
        await self._for_each(command.number, lambda number: self._opened.size(number))

    async def _uidl(self, command: commands.Uidl) -> None:
        await self._for_each(command.number, lambda number: self._opened.unique_id(number))

    async def _retr(self, command: commands.Retr) -> None:
        await self._send(command.number, None)
        self._opened.retrieved(command.number)
        self.messages += 1
        metrics.RETRIEVED.inc()

    async def _top(self, command: commands.Top) -> None:
        await self._send(command.number, TopCut(command.lines))
        metrics.TOPPED.inc()

    @property
    def _opened(self) -> Maildrop:
        assert self._maildrop is not None
        return self._maildrop

    async def _for_each(self, number: int | None, fact: Callable[[int], object]) -> None:
        if number is not None:
            self._connection.write(ok(f"{number} {fact(number)}"))
            return
        count, octets = self._opened.figures
        lines = (f"{each} {fact(each)}" for each in self._opened.numbers())
        await self._list(ok(f"{count} messages, {octets} octets"), lines)

    async def _list(self, first: bytes, lines: Iterable[str]) -> None:
        for piece in listing(first, lines):
            self._connection.write(piece)
            await self._connection.drained()

    async def _send(self, number: int, cut: TopCut | None) -> None:
        connection, writer = self._connection, DotWriter()
        begin = ok(f"{self._opened.size(number)} octets" if cut is None else "")
        pieces = self._opened.octets(number, self._settings.window, 0 if cut is None else _TOP_WINDOW)
        try:
            async for piece in pieces:
                passed = piece if cut is None else cut.feed(piece)
                # Not before the first piece is here: until then the answer may still be that there is none.
                connection.write(begin + writer.write(passed))
                begin, self._in_message = b"", True
                self._count(len(passed))
                if cut is not None and cut.finished:
                    break
                await connection.drained()
        finally:
            await pieces.aclose()
        connection.write(begin + writer.finish())
        self._in_message = False

    def _count(self, octets: int) -> None:
        self.octets += octets
        metrics.OCTETS.inc(octets)


_ANSWERS: Final[dict[type, Callable[[Session, Any], Awaitable[None]]]] = {
    commands.User: Session._user,
    commands.Pass: Session._pass,
    commands.Auth: Session._auth,
    Response: Session._response,
    commands.Stls: Session._stls,
    commands.Capa: Session._capa,
    commands.Lang: Session._lang,
    commands.Utf8: Session._utf8,
    commands.Quit: Session._quit,
    commands.Stat: Session._stat,
    commands.Noop: Session._noop,
    commands.Rset: Session._rset,
    commands.Dele: Session._dele,
    commands.List: Session._list_sizes,
    commands.Uidl: Session._uidl,
    commands.Retr: Session._retr,
    commands.Top: Session._top,
}

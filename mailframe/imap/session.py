"""One client's session: its state, what it may do in it, and the answers in their order (RFC 3501 section 3).

States and the commands that change them::

    NOT_AUTHENTICATED --LOGIN, AUTHENTICATE--> AUTHENTICATED --SELECT, EXAMINE--> SELECTED
                                               AUTHENTICATED <--CLOSE, UNSELECT-- SELECTED
    any --LOGOUT, too many errors, silence--> LOGOUT

What a command means is in `commands`, which command may come when in `commands.table`. The session itself frames
answers, announces changes before the tagged response, counts, and cleans up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.interfaces import NEED_DATA, IConnection, IConversation, IFarewell, IOwned
from mailframe.dialogue.logins import Logins, in_front_of
from mailframe.dialogue.pace import STRANGERS, Pace
from mailframe.directory.values import Identity
from mailframe.message.mail import new_session_id
from mailframe.message.status import UNKNOWN_FAULT, MailframeError, ProtocolError
from mailframe.store.interfaces import IMailAccount

from . import metrics
from .announcing import announce
from .bounds import BEFORE_LOGIN, after_login
from .commands import append
from .commands.capability import capabilities
from .commands.table import COMMANDS
from .commands.uploads import Uploads
from .enabled import UID_REQUIRED, Enabled
from .selected import Selected
from .states import NO_TAG, Continuation, Reply, State, Surroundings
from .tally import Tally
from .wire import reader as events
from .wire.parser import bad
from .wire.reader import CommandReader
from .wire.responses import refusal, status_line

if TYPE_CHECKING:
    from .notify import Notify

_TOLD = ("TOOBIG", "UIDREQUIRED")
"""Response codes that BAD and BYE may have."""

log = Logger()


@implementer(IConversation, IFarewell, IOwned)
class Session:
    """One connection of one client.

    Args:
        surroundings: shared by the sessions of a listener.

    Attributes:
        connection, logins: there from `opened` on.
        state: where it stands.
        account: the mailboxes, after login.
        selected: the selected mailbox.
        enabled: what the client has switched on.
        upload: the messages of an APPEND that are coming in.
        idling: is IDLE under way?
        notify: what the client hears of without asking.
        login, client: who logged in with which program, for the log.
        tally: what went on, for log and figures.
    """

    connection: IConnection
    logins: Logins

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self.settings = surroundings.settings
        self.session_id = new_session_id()
        self.state = State.NOT_AUTHENTICATED
        self.account: IMailAccount | None = None
        self.selected: Selected | None = None
        self.enabled = Enabled()
        self.upload: Uploads | None = None
        self.login = self.client = self._last_words = ""
        self.idling = self._admitted = False
        self.notify: Notify | None = None
        self.reader = CommandReader(BEFORE_LOGIN)
        self._tag: bytes | None = None
        self._continuation: Continuation | None = None
        self._on_close: list[Callable[[], None]] = []
        self._nobody_since = surroundings.clock.seconds()
        self._bad_in_a_row = 0
        self._pace = Pace(surroundings.clock)
        self.tally = Tally(surroundings.clock.seconds())

    # The connection calls these.

    async def opened(self, connection: IConnection) -> None:
        """Greet, or turn the client away."""
        self.connection = connection
        settings, peer = self.settings, connection.peer
        self.logins = Logins(
            self.surroundings.authenticator, settings, peer, "imap", self.session_id, in_front_of(connection)
        )
        connection.set_timeout(settings.login_timeout)
        try:
            self.surroundings.limits.admit(connection.peer)
        except MailframeError as error:
            metrics.turned_away.inc()
            self.bye(error.status.text, error.status.word)
            return
        self._admitted = True
        metrics.accepted.inc()
        metrics.open_sessions.inc()
        self.write(status_line(b"OK", self.settings.banner, f"CAPABILITY {capabilities(self)}"))

    def next_event(self, buffer: ReceiveBuffer) -> object:
        """The next command, piece of a message or answer to a continuation request."""
        before = len(buffer)
        try:
            event = self.reader.next(buffer)
        finally:
            self.tally.octets_in += before - len(buffer)
        return NEED_DATA if event is None else event

    async def handle(self, event: object) -> None:
        """Answer one event."""
        match event:
            case events.Command():
                await self._command(event)
            case events.LiteralWanted():
                self.write(b"+ Ready for the literal\r\n")
            case events.MessageOctets():
                self._message_octets(event)
            case events.Line():
                await self._line(event.octets)
            case events.MessageOffered():
                await self._append(event)
            case events.MessageEnds():
                await self._append_ends(event)

    def protocol_error(self, error: ProtocolError) -> None:
        """Answer BAD, or BYE where nothing after this can be understood or there was too much of it."""
        tag = error.tag if isinstance(error, events.CommandError) else self._tag
        self._tag = self._continuation = None
        metrics.bad_commands.inc()
        self.tally.bad_commands += 1
        word = error.status.word if error.status.word in _TOLD else None
        if error.fatal:
            self.write(status_line(b"BYE", error.status.text, word))
            self.state = State.LOGOUT
            return
        self.write(status_line(b"BAD", error.status.text, word, tag or b"*"))
        self._bad_in_a_row += 1
        if self._bad_in_a_row >= self.settings.bad_commands_limit:
            self.bye("Too many broken commands", lingering=True)

    def internal_error(self, failure: Failure) -> None:
        """Answer NO [SERVERBUG]; what it was is in the log."""
        tag, self._tag, self._continuation = self._tag, None, None
        if tag is not None:
            self.write(refusal(tag, UNKNOWN_FAULT))

    def timed_out(self) -> None:
        """Say goodbye to a silent client."""
        text = "Silent for too long" if self.login else "Too slow to log in"
        self.write(status_line(b"BYE", text))

    def farewell(self) -> bool:
        """Say goodbye between two commands, and while idling; not in the middle of one."""
        if self._tag is not None and not self.idling:
            return False
        self.bye("The server is going down; connect again", "UNAVAILABLE")
        return True

    def owner(self) -> str:
        """Whose mailboxes it is about."""
        return self.account.name if self.account is not None else ""

    def closed(self) -> None:
        """Give back all that the session holds, and write its line into the log."""
        self.state = State.LOGOUT
        for clean_up in reversed(self._on_close):
            clean_up()
        if self.upload is not None:
            self.upload.discard()
        self.deselect()
        self._let_account_go()
        if self._admitted:
            self.surroundings.limits.release(self.connection.peer)
            self.tally.close(self)

    # Commands call these.

    @property
    def clock(self) -> IReactorTime:
        """The time of this listener."""
        return self.surroundings.clock

    @property
    def tag(self) -> bytes:
        """The tag of the command under way, `NO_TAG` between commands."""
        return self._tag or NO_TAG

    @property
    def mailboxes(self) -> IMailAccount:
        """The account of an authenticated session."""
        assert self.account is not None
        return self.account

    @property
    def mailbox(self) -> Selected:
        """The mailbox of a session in the selected state."""
        assert self.selected is not None
        return self.selected

    def write(self, octets: bytes) -> None:
        """Send octets."""
        self.tally.octets_out += len(octets)
        self.connection.write(octets)

    def bye(self, text: str, word: str | None = None, *, lingering: bool = False) -> None:
        """End the session; ``lingering`` where the client may still be sending."""
        if self.state is not State.LOGOUT:
            self.state = State.LOGOUT
            self.write(status_line(b"BYE", text, word))
            self.connection.close(lingering)

    def bye_after_answer(self, text: str) -> None:
        """End the session when the command under way is answered."""
        self._last_words = text

    def abort(self) -> None:
        """Cut the connection, because what was begun cannot be said to its end."""
        self.state = State.LOGOUT
        self.connection.abort()

    def ask(self, prompt: bytes, continuation: Continuation) -> None:
        """Send a continuation request; the line that answers it goes to ``continuation``."""
        self.write(b"+ %b\r\n" % prompt)
        self._continuation = continuation
        self.reader.expect_line()

    def authenticated(self, identity: Identity, account: IMailAccount) -> None:
        """The client logged in; its account has been counted by `ConnectionLimits.log_in`."""
        self.account = account
        self.login = identity.authcid
        self.state = State.AUTHENTICATED
        self.reader.limits = after_login(self.settings)
        self.connection.set_timeout(self.settings.autologout)

    def unauthenticated(self) -> None:
        """The client is nobody again; whatever it had and switched on is gone."""
        self.deselect()
        self._let_account_go()
        self.enabled.reset()
        self.reader.utf8, self.reader.limits = False, BEFORE_LOGIN
        self.login, self.state = "", State.NOT_AUTHENTICATED
        self._nobody_since = self.clock.seconds()
        self.connection.set_timeout(self.settings.login_timeout)

    def enable(self, name: str) -> bool:
        """Switch a capability on; see `mailframe.imap.enabled.Enabled.enable`."""
        known = self.enabled.enable(name)
        self.reader.utf8 = self.enabled.utf8_names
        return known

    def select(self, selected: Selected) -> None:
        """A mailbox was selected; none is before."""
        self.selected = selected
        self.state = State.SELECTED
        if self.notify is not None:
            self.notify.selected()

    def deselect(self) -> None:
        """No mailbox is selected any more."""
        if self.selected is not None:
            self.selected.close()
            self.selected = None
        if self.state is State.SELECTED:
            self.state = State.AUTHENTICATED

    def logout(self) -> None:
        """End the session as the client wished: BYE, the tagged OK, the end."""
        self.state = State.LOGOUT
        tag = self.tag
        self.write(status_line(b"BYE", "Logging out") + status_line(b"OK", "LOGOUT completed", None, tag))
        self.connection.close()

    def answered(self) -> None:
        """The command under way has its tagged response already."""
        self._tag = None

    def on_close(self, clean_up: Callable[[], None]) -> None:
        """Call ``clean_up`` when the connection is gone."""
        self._on_close.append(clean_up)

    def not_on_close(self, clean_up: Callable[[], None]) -> None:
        """Take back `on_close`."""
        self._on_close.remove(clean_up)

    async def announce(self, *, expunges: bool, look: bool = False) -> None:
        """Tell the client what happened in the selected mailbox; end the session when that is gone."""
        await announce(self, expunges=expunges, look=look)

    async def _command(self, command: events.Command) -> None:
        self._tag = command.tag
        await self._pace.step(self.settings.commands_per_second if self.login else STRANGERS)
        if self._is_over():
            return
        entry = COMMANDS.get(command.name)
        if entry is None:
            raise bad("There is no such command")
        if self.state not in entry.states:
            raise bad(f"{command.name} cannot be used in this state")
        if self.enabled.uid_only and f"UID {command.name}" in COMMANDS and command.name != "EXPUNGE":
            raise ProtocolError(UID_REQUIRED)
        if self.settings.log_dialogue:
            # Only the name: arguments hold passwords, search texts and message content.
            log.debug(
                "session {session_id} command {command}", session_id=self.session_id, command=command.name
            )
        began = self.clock.seconds()
        await self._run(lambda: entry.run(self, command.arguments), entry.expunges)
        self.tally.commands += 1
        metrics.command_done(command.name, self.clock.seconds() - began)

    async def _run(self, step: Callable[[], Awaitable[Reply | None]], expunges: bool | None) -> None:
        """One step of the command under way, and its tagged response when it is over."""
        tag = self._tag
        assert tag is not None
        if self.notify is not None:
            await self.notify.wait()
        try:
            reply = await step()
            if reply is None:
                return
            answer = status_line(b"OK", reply.text, reply.word, tag)
        except MailframeError as error:
            log.debug(
                "session {session_id} refused: {reason}", session_id=self.session_id, reason=error.reason
            )
            answer = refusal(tag, error.status)
        self._continuation = None
        if self.login:
            # A client that stays for weeks may ask now and then for what is not there; a stranger may not.
            self._bad_in_a_row = 0
        if expunges is not None and self.state is State.SELECTED:
            await self.announce(expunges=expunges)
        self._tag = None
        if self.state is not State.LOGOUT:
            self.write(answer)
            if self._last_words:
                self.bye(self._last_words, lingering=True)
            if self.notify is not None:
                self.notify.resume()

    async def _line(self, line: bytes) -> None:
        continuation, self._continuation = self._continuation, None
        if continuation is None:
            raise bad("Nobody asked for this line")
        await self._run(lambda: continuation(line), True)

    async def _append(self, offered: events.MessageOffered) -> None:
        self._tag = offered.tag
        if self._is_over():
            return
        if self.state not in (State.AUTHENTICATED, State.SELECTED):
            raise bad(f"{offered.name} cannot be used in this state")
        await self._run(lambda: append.offer(self, offered), True)

    def _message_octets(self, event: events.MessageOctets) -> None:
        assert self.upload is not None
        self.upload.write(event.octets)
        if event.last and not self.connection.buffered():
            # Clients that send the last CRLF by itself (imaplib) would wait 40 ms for this.
            self.connection.acknowledge()

    async def _append_ends(self, ends: events.MessageEnds) -> None:
        await self._run(lambda: append.finish(self, ends.rest), True)
        self.tally.commands += 1

    def _let_account_go(self) -> None:
        account, self.account = self.account, None
        if self.notify is not None:
            self.notify.stop()
            self.notify = None
        if account is not None:
            account.close()
            self.surroundings.limits.log_out(account.name)

    def _is_over(self) -> bool:
        nobody_for = self.clock.seconds() - self._nobody_since
        if self.state is not State.NOT_AUTHENTICATED or nobody_for < self.settings.login_deadline:
            return self.state is State.LOGOUT
        self.bye("Too slow to log in")
        return True

"""POP3 servers: a session on a connection, and the factory that roles listen with."""

from __future__ import annotations

from typing import cast

from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.interfaces import NEED_DATA, IConnection, IConversation, IFarewell, IOwned
from mailframe.dialogue.logins import Logins, in_front_of
from mailframe.dialogue.pace import STRANGERS, Pace
from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.directory.interfaces import IAuthenticator
from mailframe.limits.connections import ConnectionLimits
from mailframe.limits.interfaces import ITallies
from mailframe.limits.memory import MemoryTallies
from mailframe.message.mail import new_session_id
from mailframe.message.origin import TLSFacts
from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.store.interfaces import IMailStore
from mailframe.tls.interfaces import IServerContexts

from . import metrics
from .admission import Admission
from .authorization import Authorization
from .session import Session
from .settings import POP3Settings
from .wire.commands import Command
from .wire.reader import Reader, Response
from .wire.replies import ok, render

NO_TLS_NOW = Status((4, 7, 0), "TLS is not available right now")
LOGIN_TOO_LATE = Status((4, 4, 2), "You took too long to log in")

log = Logger()


@implementer(IConversation, IFarewell, IOwned)
class POP3Conversation:
    """One client of a POP3 listener.

    Args:
        factory: the listener it came by.
    """

    def __init__(self, factory: POP3ServerFactory) -> None:
        self._factory = factory
        self._reader = Reader(factory.settings.line_limit)
        self._connection: IConnection | None = None
        self._session: Session | None = None
        self._deadline: IDelayedCall | None = None
        self._session_id = new_session_id()
        self._began = 0.0
        self._pace = Pace(factory.clock)
        self._tls: TLSFacts | None = None

    async def opened(self, connection: IConnection) -> None:
        """Greet, or turn away."""
        factory, settings = self._factory, self._factory.settings
        self._connection = connection
        self._began = factory.clock.seconds()
        try:
            factory.limits.admit(connection.peer)
        except MailframeError as error:
            metrics.TURNED_AWAY.inc()
            log.warn("{peer} is turned away: {reason}", peer=connection.peer, reason=error.reason)
            connection.write(render(error.status))
            connection.close()
            return
        metrics.ACCEPTED.inc()
        metrics.OPEN.inc()
        self._session = Session(
            factory.store,
            Authorization(
                Logins(
                    factory.authenticator,
                    settings,
                    connection.peer,
                    "pop3",
                    self._session_id,
                    in_front_of(connection),
                )
            ),
            factory.admission,
            settings,
            connection,
            factory.clock,
            None if factory.tls is None else self._start_tls,
            factory.expire,
        )
        self._deadline = factory.clock.callLater(settings.login_deadline, self._login_too_late)
        connection.write(ok(settings.banner))

    def next_event(self, buffer: ReceiveBuffer) -> object:
        """The next command or response."""
        event = self._reader.next_event(buffer)
        return NEED_DATA if event is None else event

    async def handle(self, event: object) -> None:
        """Answer it."""
        session, connection, settings = self._session, self._connection, self._factory.settings
        assert session is not None
        assert connection is not None
        await self._pace.step(settings.commands_per_second if session.login else STRANGERS)
        if self._session is None:
            return
        await session.handle(cast("Command | Response", event))
        if self._tls is None:
            # Not when the connection is made: with implicit TLS the handshake is not over then. Not when it is
            # closed: then nobody knows any more.
            self._tls = connection.tls_facts()
        if session.responding:
            self._reader.expect_response()

    def protocol_error(self, error: ProtocolError) -> None:
        """Tell what was wrong."""
        if self._session is not None:
            self._session.protocol_error(error)

    def internal_error(self, failure: Failure) -> None:
        """Tell that we failed."""
        if self._session is not None:
            self._session.internal_error()

    def timed_out(self) -> None:
        """Tell that it was silent too long."""
        if self._session is not None:
            self._session.timed_out()

    def farewell(self) -> bool:
        """Say goodbye, unless a maildrop is open."""
        return self._session is None or self._session.service_ends()

    def owner(self) -> str:
        """Whose maildrop it is."""
        return (self._session.login or "") if self._session is not None else ""

    def closed(self) -> None:
        """Give back what the connection held, and write its line into the log."""
        session, self._session = self._session, None
        if session is None:
            return
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        session.closed()
        self._write_log(session)

    def _write_log(self, session: Session) -> None:
        connection, factory = self._connection, self._factory
        assert connection is not None
        factory.limits.release(connection.peer)
        metrics.OPEN.dec()
        proxy = connection.proxy
        # Balancers look every few seconds whether we are well: nobody wants to read that.
        check = proxy is not None and proxy.local and session.login is None
        log.emit(
            LogLevel.debug if check else LogLevel.info,
            "POP3 session {session_id} from {peer} ended: {login}, {messages} messages, {removed} removed",
            session_id=self._session_id,
            peer=connection.peer,
            proxy=proxy.peer if proxy is not None else None,
            proxy_id=proxy.unique_id if proxy is not None else None,
            proxy_tls=proxy.tls_version if proxy is not None else None,
            login=session.login,
            account=session.login,
            mailbox="INBOX" if session.login is not None else None,
            tls=self._tls.version if self._tls is not None else None,
            messages=session.messages,
            removed=session.removed,
            size=session.octets,
            delay=round(factory.clock.seconds() - self._began, 3),
        )

    def _start_tls(self, reply: bytes) -> None:
        connection, tls = self._connection, self._factory.tls
        assert connection is not None
        assert tls is not None
        try:
            contexts = tls.contexts()
        except Exception as error:
            log.failure("no TLS contexts")
            raise MailframeError(NO_TLS_NOW) from error
        connection.start_tls(contexts, reply)

    def _login_too_late(self) -> None:
        session, connection = self._session, self._connection
        if session is not None and connection is not None and session.login is None:
            connection.write(render(LOGIN_TOO_LATE))
            connection.close(lingering=True)


@implementer(IProtocolFactory)
class POP3ServerFactory:
    """Makes a server for each connection; what they share is here.

    Args:
        store: where the mail is.
        authenticator: checks logins.
        settings: the listener's options.
        clock: the reactor, for time.
        tls: offers contexts for STLS; None where it is not offered. For implicit TLS, whoever listens wraps this
            factory.
        tallies: count for limits; of this process alone by default.
        expire: seconds after which mail of INBOX goes by itself; None for never.
    """

    noisy = False

    def __init__(
        self,
        store: IMailStore,
        authenticator: IAuthenticator,
        settings: POP3Settings,
        clock: IReactorTime,
        tls: IServerContexts | None = None,
        tallies: ITallies | None = None,
        expire: float | None = None,
    ) -> None:
        self.store = store
        self.authenticator = authenticator
        self.settings = settings
        self.clock = clock
        self.tls = tls
        self.expire = expire
        tallies = tallies if tallies is not None else MemoryTallies(clock)
        self.limits = ConnectionLimits(
            tallies,
            "pop3",
            settings.connections_limit,
            settings.connections_limit_per_network,
            settings.connections_limit_per_account,
            settings.client_networks(),
        )
        self.admission = Admission(self.limits, tallies, settings)

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """A server for one connection."""
        return DialogueProtocol(
            cast(IConversation, POP3Conversation(self)), self.clock, self.settings.login_timeout
        )

    def doStart(self) -> None:
        """A port listens."""

    def doStop(self) -> None:
        """A port is closed."""

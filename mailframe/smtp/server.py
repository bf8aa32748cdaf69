"""SMTP and LMTP servers: a session on a connection, and the factory that roles listen with."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.interfaces import (
    IAddress,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.interfaces import NEED_DATA, IConnection, IConversation, IFarewell, IOwned
from mailframe.dialogue.logins import channel_of
from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.limits.connections import ConnectionLimits
from mailframe.limits.interfaces import ITallies
from mailframe.limits.memory import MemoryTallies
from mailframe.message.mail import new_session_id
from mailframe.message.origin import Origin
from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.tls.interfaces import IServerContexts

from .extensions import Extensions
from .forwarded import PRESENTED_BY
from .metrics import METRICS
from .reception import Reception
from .session import Session
from .settings import SMTPSettings
from .states import Expects
from .throttle import Throttle
from .wire.commands import Hello, Quit
from .wire.reader import Reader
from .wire.reply import render

NO_TLS_NOW = Status((4, 7, 0), "TLS is not available right now", reply_code=454)

log = Logger()


@implementer(IConversation, IFarewell, IOwned)
class SMTPConversation:
    """One client of an SMTP or LMTP listener.

    Args:
        factory: the listener it came by.
    """

    def __init__(self, factory: SMTPServerFactory) -> None:
        self._factory = factory
        settings = factory.settings
        self._reader = Reader(settings.line_limit, settings.line_ends, factory.forgiven)
        self._connection: IConnection | None = None
        self._session: Session | None = None
        self._origin = Origin("", "")
        self._expected = Expects.COMMAND
        self._began = 0.0

    async def opened(self, connection: IConnection) -> None:
        """Greet, or turn away."""
        self._connection = connection
        factory = self._factory
        self._began = factory.clock.seconds()
        origin = Origin(
            new_session_id(),
            connection.peer,
            connection.peer_port,
            connection.local_port,
            protocol=factory.settings.protocol,
            proxy=connection.proxy,
        )
        if self._admit(connection, origin.peer):
            factory.metrics.accepted.inc()
            factory.metrics.open.inc()
            await self._begin(connection, origin)

    def _admit(self, connection: IConnection, peer: str) -> bool:
        """Count a client, or turn it away."""
        factory = self._factory
        try:
            factory.limits.admit(peer)
        except MailframeError as error:
            factory.metrics.turned_away.inc()
            log.warn("{peer} is turned away: {reason}", peer=peer, reason=error.reason)
            connection.write(render(error.status, reply_code=421))
            connection.close()
            return False
        return True

    async def _begin(self, connection: IConnection, origin: Origin, presented: bool = False) -> None:
        factory = self._factory
        self._origin = origin
        self._session = Session(
            factory.reception,
            factory.settings,
            origin,
            factory.clock,
            factory.extensions,
            factory.throttle,
            tls_offered=factory.tls is not None,
            secure=factory.implicit_tls or connection.secure,
            channel=lambda: channel_of(connection),
            presented=presented,
        )
        self._say(await self._session.greet())

    async def _begin_again(self, connection: IConnection, before: Session, origin: Origin) -> None:
        """XCLIENT: everything is as if this client had connected, but for TLS, which cannot be undone."""
        before.closed()
        self._factory.limits.release(self._origin.peer)
        self._session = None
        if self._admit(connection, origin.peer):
            await self._begin(connection, origin, presented=True)
        else:
            self._factory.metrics.open.dec()

    def next_event(self, buffer: ReceiveBuffer) -> object:
        """The next command, response or piece of data."""
        try:
            event = self._reader.next_event(buffer)
        except ProtocolError as error:
            if error.fatal:
                raise
            # Answered where answers can be held back.
            return error
        return NEED_DATA if event is None else event

    async def handle(self, event: object) -> None:
        """Answer it."""
        session, connection = self._session, self._connection
        assert session is not None
        assert connection is not None
        if type(event) is Hello and session.secure:
            # Not before now: with implicit TLS the handshake is not over when the connection is made.
            self._origin.tls = connection.tls_facts()
        if isinstance(event, ProtocolError):
            reply = session.protocol_error(event)
        else:
            try:
                reply = await session.handle(event)  # type: ignore[arg-type]
            except ProtocolError as error:
                if error.fatal:
                    raise
                reply = session.protocol_error(error)
        if session.delay:
            # Errors are answered later and later.
            delay, session.delay = session.delay, 0.0
            await deferLater(cast(Any, self._factory.clock), delay)
        if session.successor is not None:
            await self._begin_again(connection, session, session.successor)
            return
        self._say(reply, lingering=type(event) is not Quit)

    def protocol_error(self, error: ProtocolError) -> None:
        """Tell what was wrong."""
        if self._session is not None:
            self._say(self._session.protocol_error(error), close=not error.fatal)

    def internal_error(self, failure: Failure) -> None:
        """Tell that we failed."""
        if self._session is not None:
            self._say(self._session.internal_error())

    def timed_out(self) -> None:
        """Tell that it was silent too long."""
        if self._session is not None:
            self._say(self._session.timed_out(), close=False)

    def farewell(self) -> bool:
        """Say goodbye, unless a transaction is under way."""
        if self._session is not None:
            reply = self._session.service_ends()
            if reply is None:
                return False
            self._say(reply, close=False)
        return True

    def owner(self) -> str:
        """Who logged in."""
        return self._origin.login or ""

    def closed(self) -> None:
        """Give back what the connection held, and write its line into the log."""
        session, self._session = self._session, None
        # Without a circle of references, a connection needs no garbage collector.
        self._connection = None
        if session is None:
            return
        session.closed()
        factory, origin = self._factory, self._origin
        factory.limits.release(origin.peer)
        factory.metrics.open.dec()
        proxy = origin.proxy
        # Balancers look every few seconds whether we are well: nobody wants to read that.
        check = proxy is not None and proxy.local and not session.messages
        log.emit(
            LogLevel.debug if check else LogLevel.info,
            "connection {session_id} from {peer} ended, {messages} messages",
            session_id=origin.session_id,
            peer=origin.peer,
            login=origin.login,
            presented_by=origin.attributes.get(PRESENTED_BY),
            proxy=proxy.peer if proxy is not None else None,
            proxy_id=proxy.unique_id if proxy is not None else None,
            proxy_tls=proxy.tls_version if proxy is not None else None,
            helo=origin.helo,
            tls=origin.tls.version if origin.tls is not None else None,
            messages=session.messages,
            delay=round(factory.clock.seconds() - self._began, 3),
        )

    def _say(self, reply: bytes, *, close: bool = True, lingering: bool = True) -> None:
        """Send a reply and make ready for what the client sends next.

        Args:
            reply: octets to send, if any.
            close: close the connection here when nothing is expected any more; False: somebody else does.
            lingering: the client may still be sending then.
        """
        session, connection = self._session, self._connection
        assert session is not None
        assert connection is not None
        expects = session.expects
        if expects is Expects.HANDSHAKE:
            self._start_tls(session, connection, reply)
            return
        if reply:
            connection.write(reply)
        if expects is not self._expected or expects is Expects.RESPONSE:
            self._expect(expects)
        if expects is Expects.NOTHING and close:
            connection.close(lingering)

    def _expect(self, expected: Expects) -> None:
        connection, settings = self._connection, self._factory.settings
        assert connection is not None
        before, self._expected = self._expected, expected
        if expected is Expects.DATA:
            self._reader.expect_data()
            connection.set_timeout(settings.data_timeout)
        elif expected is Expects.CHUNK:
            # The reader knows that, and how many octets.
            connection.set_timeout(settings.data_timeout)
        elif before in (Expects.DATA, Expects.CHUNK):
            connection.set_timeout(settings.command_timeout)
        if expected is Expects.RESPONSE:
            self._reader.expect_response()

    def _start_tls(self, session: Session, connection: IConnection, reply: bytes) -> None:
        session.expects = Expects.COMMAND
        tls = self._factory.tls
        assert tls is not None
        try:
            contexts = tls.contexts()
        except Exception:
            log.failure("no TLS contexts")
            connection.write(render(NO_TLS_NOW))
            return
        connection.start_tls(contexts, reply)
        session.tls_started()
        self._origin.tls = None


@implementer(IProtocolFactory)
class SMTPServerFactory:
    """Makes a server for each connection; what they share is here.

    Args:
        reception: policy, routing, filters and delivery.
        settings: the listener's options.
        clock: the reactor, for time.
        tls: offers contexts for STARTTLS; None where it is not offered.
        implicit_tls: TLS is on before the greeting (whoever listens wraps this factory for it).
        tallies: count for limits; of this process alone by default.
    """

    noisy = False

    def __init__(
        self,
        reception: Reception,
        settings: SMTPSettings,
        clock: IReactorTime,
        tls: IServerContexts | None = None,
        implicit_tls: bool = False,
        tallies: ITallies | None = None,
    ) -> None:
        self.reception = reception
        self.settings = settings
        self.clock = clock
        self.tls = tls
        self.implicit_tls = implicit_tls
        tallies = tallies if tallies is not None else MemoryTallies(clock)
        # An exchanger and a submission service on one node count apart.
        kind = settings.protocol if reception.authenticator is None else "submission"
        self.throttle = Throttle(settings, tallies, kind)
        self.limits = ConnectionLimits(
            tallies,
            kind,
            settings.connections_limit,
            settings.connections_limit_per_network,
            networks=self.throttle.networks,
            per_minute=settings.connections_per_minute,
        )
        self.metrics = METRICS[settings.protocol]
        self.extensions = Extensions(settings, reception.authenticator is not None)
        self.forgiven = frozenset(settings.forgive)

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """A server for one connection."""
        return DialogueProtocol(
            cast(IConversation, SMTPConversation(self)), self.clock, self.settings.command_timeout
        )

    def doStart(self) -> None:
        """A port listens."""

    def doStop(self) -> None:
        """A port is closed."""

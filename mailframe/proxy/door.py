"""A door: one listener, and what is the same for every protocol there."""

from __future__ import annotations

import time
from typing import Any, Final, TypeVar, cast

from twisted.logger import Logger

from mailframe.dialogue.interfaces import IConnection
from mailframe.dialogue.logins import Login, Logins, channel_of, in_front_of
from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.directory.interfaces import IAuthenticator
from mailframe.directory.refusals import held
from mailframe.directory.values import Identity
from mailframe.limits.connections import ConnectionLimits
from mailframe.limits.interfaces import ITallies
from mailframe.message.mail import new_session_id
from mailframe.message.status import CREDENTIALS_INVALID, MailframeError, ProtocolError, Status
from mailframe.sasl.server import CLEAR, Channel
from mailframe.tls.interfaces import IServerContexts

from . import metrics
from .backend import BackendConnection
from .entering import Entering, LogIn, Way
from .exchanges import PassedExchange
from .passing import PassedLogin, Passing
from .said import Said
from .settings import ProxySettings
from .values import Admission, Client

T = TypeVar("T")
NO_TLS: Final = Status((5, 5, 1), "TLS cannot be begun here")
NO_TLS_NOW: Final = Status((4, 7, 0), "TLS is not available right now", "UNAVAILABLE")
LOOP: Final = Status((4, 4, 6), "This connection goes round in circles", "CONTACTADMIN")

log = Logger()


class Door:
    """What the conversations of a listener share.

    Args:
        protocol: ``imap``, ...
        authenticator: checks logins.
        entering: the way to the stores.
        settings: the listener's options.
        clock: the reactor.
        tls: offers contexts for STARTTLS; None where it is not offered.
        tallies: count for limits.
        hostname: this server's name.
        passing: where stores check logins; ``authenticator`` then.
    """

    def __init__(
        self,
        protocol: str,
        authenticator: IAuthenticator,
        entering: Entering,
        settings: ProxySettings,
        clock: Any,
        tls: IServerContexts | None,
        tallies: ITallies,
        hostname: str = "localhost",
        passing: Passing | None = None,
    ) -> None:
        self.protocol = protocol
        self.hostname = hostname
        self.authenticator = authenticator
        self.passing = passing
        self.entering = entering
        self.settings = settings
        self.clock = clock
        self.tls = tls
        self.limits = ConnectionLimits(
            tallies,
            f"proxy.{protocol}",
            settings.connections_limit,
            settings.connections_limit_per_network,
            settings.connections_limit_per_account,
            settings.client_networks(),
        )
        self.accepted = metrics.sessions.labels(protocol, "accepted")
        self.turned_away = metrics.sessions.labels(protocol, "turned away")
        self.entered = metrics.sessions.labels(protocol, "entered")
        self.refused = metrics.sessions.labels(protocol, "refused")


class Visit:
    """One client at a door.

    Args:
        door: which.
        connection: the client's.
        log_in: logs in at a store.

    Attributes:
        logins: checks what it says.
        hops: proxies of ours it says it has come through.
    """

    def __init__(self, door: Door, connection: IConnection, log_in: LogIn[Any]) -> None:
        self.connection = connection
        self._log_in = log_in
        self.hops = 0
        self._door = door
        self._session_id = new_session_id()
        self._said = Said(door.authenticator)
        self._passed: PassedLogin | None = None
        self._entered: Any = None
        self.logins = Logins(
            cast(IAuthenticator, self._said),
            door.settings,
            connection.peer,
            door.protocol,
            self._session_id,
            in_front_of(connection),
        )
        self._since = door.clock.seconds()
        self._admitted = False
        self._account = ""
        self._backend: BackendConnection | None = None
        self._way: Way | None = None

    def begin(self) -> None:
        """Count it.

        Raises:
            MailframeError: it is one too many.
        """
        door = self._door
        try:
            door.limits.admit(self.connection.peer)
        except MailframeError:
            door.turned_away.inc()
            raise
        door.accepted.inc()
        self._admitted = True
        self.connection.set_timeout(door.settings.login_timeout)

    def end(self) -> None:
        """The connection is gone."""
        backend, self._backend = self._backend, None
        if self._passed is not None:
            self._passed.give_up()
        if backend is not None:
            backend.abort()
        if self._account:
            self._door.limits.log_out(self._account)
            self._account = ""
        if self._admitted:
            self._admitted = False
            self._door.limits.release(self.connection.peer)

    @property
    def late(self) -> bool:
        """Has it been here too long without a login?"""
        return bool(self._door.clock.seconds() - self._since >= self._door.settings.login_deadline)

    @property
    def may_start_tls(self) -> bool:
        """Is TLS offered, and not there yet?"""
        return self._door.tls is not None and not self.connection.confidential

    def start_tls(self, reply: bytes) -> None:
        """Begin the handshake.

        Raises:
            ProtocolError: there is TLS already, or none.
            MailframeError: temporary: there are no certificates now.
        """
        if not self.may_start_tls:
            raise ProtocolError(NO_TLS)
        assert self._door.tls is not None
        try:
            contexts = self._door.tls.contexts()
        except Exception as error:
            log.failure("no TLS contexts")
            raise MailframeError(NO_TLS_NOW) from error
        self.connection.start_tls(contexts, reply)

    def login(self, mechanism: str) -> Login | PassedLogin:
        """Begin a SASL exchange.

        Args:
            mechanism: its name in capitals.

        Raises:
            KeyError: it is not offered to this client.
        """
        connection, passing = self.connection, self._door.passing
        secure, channel = connection.confidential, self._channel
        if passing is None or not mechanism.startswith("SCRAM-"):
            return self.logins.start(mechanism, secure, channel)
        if mechanism not in self.mechanisms():
            raise KeyError(mechanism)
        if self._passed is not None:
            self._passed.give_up()
        self._passed = PassedLogin(mechanism, passing, self._enter_passed)
        return self._passed

    def mechanisms(self) -> tuple[str, ...]:
        """What this client is offered now."""
        return self.logins.mechanisms(self.connection.confidential, self._channel)

    @property
    def _channel(self) -> Channel:
        """Where exchanges are passed on, the client's channel is not the store's."""
        return channel_of(self.connection) if self._door.passing is None else CLEAR

    async def enter(self, identity: Identity) -> Any:
        """Log in at the store.

        Returns:
            What the protocol's way to log in there gave.

        Raises:
            MailframeError: it cannot be.
        """
        if self._passed is not None and self._backend is not None:
            return self._entered
        return await self._enter(identity, self._said.admission(identity))

    async def _enter_passed(self, identity: Identity, exchange: PassedExchange) -> None:
        admission = Admission(identity.account, identity.authcid, exchange=exchange)
        self._entered = await self._enter(identity, admission)

    async def _enter(self, identity: Identity, admission: Admission) -> Any:
        door, account = self._door, identity.account
        self._check_loop(account.name)
        door.limits.log_in(account.name)
        self._account = account.name
        try:
            return await self._entering(admission)
        except BaseException:
            if self._account:
                door.limits.log_out(account.name)
                self._account = ""
            door.refused.inc()
            raise

    async def _entering(self, admission: Admission) -> Any:
        door, account = self._door, admission.account
        if door.passing is None:
            self._backend, self._way, said = await door.entering.enter(
                self._client(), admission, self._log_in
            )
            return said
        attempts = door.passing.attempts
        attempt = attempts.begin(account.name, self.connection.peer)
        try:
            await attempts.wait(attempt)
            if not account.enabled:
                raise MailframeError(CREDENTIALS_INVALID, "the account may not log in")
            if account.is_held(time.time()):
                raise held(account.hold)
            self._backend, self._way, said = await door.entering.enter(
                self._client(), admission, self._log_in, True
            )
            attempts.count(attempt, True)
        except MailframeError as error:
            if error.status is CREDENTIALS_INVALID:
                attempts.count(attempt, False)
            self.logins.failed(error, admission.authcid, "")
            raise
        finally:
            attempts.end(attempt)
        return said

    def _check_loop(self, account: str) -> None:
        door = self._door
        if self.hops < door.settings.hops_limit:
            return
        log.warn(
            "{protocol} session of {account} from {peer} came through {hops} proxies: a loop?",
            protocol=door.protocol, account=account, peer=self.connection.peer, hops=self.hops,
            session_id=self._session_id,
        )  # fmt: skip
        raise MailframeError(LOOP)

    def go_through(self, answer: bytes) -> None:
        """Tell the client that it is in; from now on it talks with the store.

        Raises:
            MailframeError: temporary: the store is gone again.
        """
        connection, backend, way = self.connection, self._backend, self._way
        assert backend is not None
        assert way is not None
        backend.check()
        self._backend = None
        self._door.entered.inc()
        self._door.entering.splice(
            cast(DialogueProtocol, connection), backend, way, self._account, answer, self.end
        )

    def _client(self) -> Client:
        connection: Any = self.connection
        host = getattr(connection.transport, "getHost", lambda: None)()
        return Client(
            connection.peer,
            connection.peer_port,
            getattr(host, "host", ""),
            connection.local_port,
            connection.secure,
            self._session_id,
            self.hops,
        )

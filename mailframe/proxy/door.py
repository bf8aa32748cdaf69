"""A door: one listener, and what is the same for every protocol there."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, TypeVar, cast

from twisted.logger import Logger
from zope.interface import implementer

from mailframe.dialogue.interfaces import IConnection
from mailframe.dialogue.logins import Logins, in_front_of
from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.directory.interfaces import IAuthenticator, ISASLAuthenticator
from mailframe.directory.values import Credentials, Evidence, Identity
from mailframe.limits.connections import ConnectionLimits
from mailframe.limits.interfaces import ITallies
from mailframe.message.mail import new_session_id
from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.sasl.scram import Keys
from mailframe.sasl.values import Token
from mailframe.tls.interfaces import IServerContexts

from . import metrics
from .backend import BackendConnection
from .entering import Entering, LogIn, Way
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
    ) -> None:
        self.protocol = protocol
        self.hostname = hostname
        self.authenticator = authenticator
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

    Attributes:
        logins: checks what it says.
        hops: proxies of ours it says it has come through.
    """

    def __init__(self, door: Door, connection: IConnection) -> None:
        self.connection = connection
        self.hops = 0
        self._door = door
        self._session_id = new_session_id()
        self._said = _Said(door.authenticator)
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

    async def enter(self, identity: Identity, log_in: LogIn[T]) -> T:
        """Log in at the store.

        Raises:
            MailframeError: it cannot be.
        """
        door, account = self._door, identity.account
        admission = self._said.admission(identity)
        if self.hops >= door.settings.hops_limit:
            log.warn(
                "{protocol} session of {account} from {peer} came through {hops} proxies: a loop?",
                protocol=door.protocol,
                account=account.name,
                peer=self.connection.peer,
                hops=self.hops,
                session_id=self._session_id,
            )
            raise MailframeError(LOOP)
        door.limits.log_in(account.name)
        self._account = account.name
        try:
            client = self._client()
            self._backend, self._way, said = await door.entering.enter(client, admission, log_in)
        except BaseException:
            if self._account:
                door.limits.log_out(account.name)
                self._account = ""
            door.refused.inc()
            raise
        return said

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


@implementer(ISASLAuthenticator)
class _Said:
    """The authenticator, for one connection: remembers what was right, until the store is entered.

    Args:
        authenticator: decides.
    """

    def __init__(self, authenticator: IAuthenticator) -> None:
        self._authenticator: Any = authenticator
        self._password: str | None = None
        self._token: str | None = None
        self._master = ""

    def admission(self, identity: Identity) -> Admission:
        """Who was let in, and by what; that is forgotten here."""
        admitted = Admission(identity.account, identity.authcid, self._password, self._token, self._master)
        self._password = self._token = None
        self._master = ""
        return admitted

    @property
    def oauth_hints(self) -> bytes:
        return getattr(self._authenticator, "oauth_hints", b"")

    def mechanisms(self) -> Any:
        known = getattr(self._authenticator, "mechanisms", None)
        return ("PLAIN", "LOGIN") if known is None else known()

    async def authenticate(self, credentials: Credentials) -> Identity:
        identity: Identity = await self._authenticator.authenticate(credentials)
        self._password = credentials.password.decode("utf-8", "surrogateescape")
        if credentials.authzid and identity.authcid != identity.account.name:
            self._master = credentials.authcid
        return identity

    def keys(self, authcid: str, mechanism: str, peer: str = "", session_id: str = "") -> Awaitable[Keys]:
        found: Awaitable[Keys] = self._authenticator.keys(authcid, mechanism, peer, session_id)
        return found

    async def judge(self, evidence: Evidence) -> Identity:
        identity: Identity = await self._authenticator.judge(evidence)
        if isinstance(evidence.claim, Token):
            self._token = evidence.claim.token
        return identity

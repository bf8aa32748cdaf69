"""From a right login to a session at the store: find it, connect, log in there, splice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, TypeVar

from twisted.logger import Logger

from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.dialogue.splice import Splice, SplicedConversation
from mailframe.location.interfaces import ILocations
from mailframe.location.values import Entrance, Host, Store, Transport
from mailframe.message.status import CREDENTIALS_INVALID, MailframeError, Status
from mailframe.sasl.client import ORDER, ClientCredentials, choose

from . import metrics
from .backend import NO_STORE, BackendConnection
from .connecting import Connecting
from .drained import Drained
from .exchanges import OwnExchange, StoreExchange
from .hosts import Hosts
from .sessions import Sessions
from .traces import Receive, Traces
from .values import Admission, Client, ProxiedSession

T = TypeVar("T")
LogIn = Callable[[BackendConnection, "Way"], Awaitable[T]]
"""Logs in at a store; what it gives is for whoever answers the client."""

NO_PASSWORD: Final = Status((4, 7, 0), "Log in with a password: the store asks for it", "UNAVAILABLE")

PASSWORD_FIRST: Final = ("PLAIN", "LOGIN", *(name for name in ORDER if name not in ("PLAIN", "LOGIN")))

log = Logger()


class Way:
    """What a protocol needs to know to log in at a host of a store.

    Args:
        store: which it is.
        host: which of its hosts.
        client: who is at the door.
        admission: whom we have let in.
        connecting: makes TLS.
        passing: does the store decide who is let in?
    """

    def __init__(
        self,
        store: Store,
        host: Host,
        client: Client,
        admission: Admission,
        connecting: Connecting,
        passing: bool = False,
    ) -> None:
        self.store = store
        self.host = host
        self.client = client
        self._admission = admission
        self._connecting = connecting
        self._passing = passing

    @property
    def credentials(self) -> ClientCredentials:
        """With what to log in.

        Raises:
            MailframeError: the store asks for a password that nobody has said here.
        """
        store, admission = self.store, self._admission
        name = admission.account.name
        if store.entrance is Entrance.MASTER:
            return ClientCredentials(store.master, store.password, authzid=name)
        if store.entrance is Entrance.SEPARATOR:
            return ClientCredentials(f"{name}{store.separator}{store.master}", store.password)
        if store.entrance is Entrance.CERTIFICATE:
            return ClientCredentials("", certificate=True, authzid=name)
        if admission.token is not None:
            return ClientCredentials(name, token=admission.token)
        if admission.password is None:
            raise MailframeError(NO_PASSWORD, f"{store.name} is entered by passwords, and none was said")
        if admission.master:
            return ClientCredentials(admission.master, admission.password, authzid=name)
        return ClientCredentials(name, admission.password)

    def exchange(self, offered: Collection[str], backend: BackendConnection) -> StoreExchange:
        """The best exchange that the store offers, with what there is to say in it.

        Raises:
            MailframeError: there is none; `NO_STORE` where that is the store's fault.
        """
        passed = self._admission.exchange
        if passed is not None:
            if passed.name not in (name.upper() for name in offered):
                raise backend.failed(f"it does not offer {passed.name}")
            return passed
        credentials = self.credentials
        # Who logs in for the first time has no SCRAM keys there yet, but a password that was right here.
        order = (
            PASSWORD_FIRST
            if self._is_users_own(credentials) and backend.secure and self.store.verify
            else ORDER
        )
        try:
            return OwnExchange(
                choose(offered, credentials, backend.secure, backend.binding, clear=self.clear, order=order)
            )
        except MailframeError as error:
            raise backend.failed(error.reason) from None

    def refused(self, backend: BackendConnection, reason: str) -> MailframeError:
        """What to raise when the store does not let the user in: that is news for the user only where it decides."""
        if self._passing:
            return MailframeError(CREDENTIALS_INVALID, f"{backend.name}: {reason}")
        return backend.failed(reason)

    @property
    def says_password(self) -> bool:
        """May the user's own password be said without SASL?"""
        return self._admission.exchange is None and self._is_users_own(self.credentials)

    def _is_users_own(self, credentials: ClientCredentials) -> bool:
        return credentials.password is not None and not credentials.authzid

    @property
    def starts_tls(self) -> bool:
        """Is TLS begun by a command of the protocol?"""
        return self.store.transport is Transport.STARTTLS

    @property
    def clear(self) -> bool:
        """May secrets be said in clear?"""
        return self.store.transport is Transport.NONE

    def tls(self) -> Any:
        """What TLS with the host is made with."""
        return self._connecting.tls(self.store, self.host)


class Entering:
    """The way in, for one listener's sessions.

    Args:
        reactor: connects.
        locations: knows the stores.
        connecting: connects to them.
        sessions: those that stand.
        hosts: which of them answer.
        protocol: ``imap``, ...
        drained: stores that nobody is sent to.
        traces: whose sessions are written down.
    """

    def __init__(
        self,
        reactor: Any,
        locations: ILocations,
        connecting: Connecting,
        sessions: Sessions,
        hosts: Hosts,
        protocol: str,
        drained: Drained | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._reactor = reactor
        self._locations = locations
        self._connecting = connecting
        self._sessions = sessions
        self._hosts = hosts
        self._protocol = protocol
        self._drained = drained or Drained()
        self._traces = traces or Traces(None)
        self._seconds = metrics.entering_seconds.labels(protocol)
        self._open = metrics.open_sessions.labels(protocol)

    async def enter(
        self, client: Client, admission: Admission, log_in: LogIn[T], passing: bool = False
    ) -> tuple[BackendConnection, Way, T]:
        """Log in at the store, at the first of its hosts that lets us.

        Args:
            client: who is at the door.
            admission: whom we have let in.
            log_in: the protocol's way.
            passing: does the store decide who is let in?

        Raises:
            MailframeError: temporary: it cannot be reached or does not let us in; or what it says itself.
        """
        store = self._locations.locate(admission.account)
        self._drained.check(store.name)
        began = self._reactor.seconds()
        failure: MailframeError | None = None
        for host in self._hosts.order(store):
            way = Way(store, host, client, admission, self._connecting, passing)
            try:
                backend, said = await self._try(way, log_in)
            except MailframeError as error:
                if error.status is CREDENTIALS_INVALID:
                    raise
                metrics.store_failures.labels(store.name).inc()
                log.warn(
                    "{protocol} at {host} of {store}: {reason}",
                    protocol=self._protocol, host=host.name, store=store.name, reason=error.reason,
                    session_id=client.session_id, account=admission.account.name,
                )  # fmt: skip
                failure = error
                if error.status is not NO_STORE:
                    # It answered, and said no: another host would say the same.
                    raise
                self._hosts.failed(store, host)
            else:
                self._hosts.answered(store, host)
                self._seconds.observe(self._reactor.seconds() - began)
                return backend, way, said
        assert failure is not None
        raise failure

    def splice(
        self, connection: DialogueProtocol, backend: BackendConnection, way: Way, account: str, answer: bytes,
        ended: Callable[[], None],
    ) -> None:  # fmt: skip
        """Put both connections together.

        Args:
            connection: of the client, in the middle of an event.
            backend: logged in.
            way: how.
            account: whose it is.
            answer: what the client is told before anything of the store's.
            ended: called when both are gone.
        """
        session = ProxiedSession(
            way.client.session_id, self._protocol, account, way.client.peer, way.store.name, way.host.name,
            self._reactor.seconds(), connection.abort,
        )  # fmt: skip
        self._open.inc()

        def over(spliced: Splice) -> None:
            self._open.dec()
            metrics.up.inc(spliced.up.octets)
            metrics.down.inc(spliced.down.octets)
            self._sessions.remove(session)
            _write_line(session, spliced, self._reactor.seconds())
            if trace is not None:
                trace.close()
            ended()

        trace = self._traces.begin(session)
        client_end, store_end = connection.transport, backend.transport
        # The client's producer goes first, or the splice could not register its own.
        whose = SplicedConversation(lambda: spliced.gone(client_end), account)
        waiting = connection.hand_over(lambda data: up(data), whose)
        spliced = Splice(client_end, store_end, self._reactor, over)
        up: Receive = spliced.up.pass_on
        down: Receive = spliced.down.pass_on
        if trace is not None:
            up, down = trace.tee("C", up), trace.tee("S", down)
        connection.__dict__["dataReceived"] = up
        said = backend.hand_over(down, lambda: spliced.gone(store_end))
        self._sessions.add(session)
        down(answer)
        if waiting:
            up(waiting)
        if said:
            down(said)

    async def _try(self, way: Way, log_in: LogIn[T]) -> tuple[BackendConnection, T]:
        backend = await self._connecting.connect(way.store, way.host, self._protocol, way.client)
        try:
            return backend, await log_in(backend, way)
        except BaseException:
            backend.abort()
            raise


def _write_line(session: ProxiedSession, spliced: Splice, now: float) -> None:
    log.info(
        "{protocol} session of {account} from {peer} at {store} ended",
        protocol=session.protocol, account=session.account, peer=session.peer, store=session.store,
        host=session.host, session_id=session.session_id, delay=round(now - session.began, 3),
        octets_in=spliced.up.octets, octets_out=spliced.down.octets,
    )  # fmt: skip

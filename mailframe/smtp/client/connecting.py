"""From a target to a client that is ready to send: connection, greeting, TLS as the policy demands, login."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import ClientFactory
from twisted.logger import Logger

from mailframe.message.status import MailframeError, Status
from mailframe.sasl.client import ClientCredentials
from mailframe.smtp.wire.replies import ascii_text
from mailframe.tls.errors import CertificateError, Result
from mailframe.tls.interfaces import IClientContexts
from mailframe.tls.policies import NO_TLS, OPPORTUNISTIC, ClientPolicy, Level

from .core import ClientCore
from .errors import Refused, TLSFailed, Unreachable
from .opening import NOT_OFFERED
from .sender import SMTPClient
from .settings import ClientSettings

NOT_SET_UP = Status((4, 7, 5), "TLS is not set up here")

log = Logger()


@dataclass(frozen=True, slots=True)
class Target:
    """One server, and how to talk with it. Connections are shared by messages for equal targets.

    Attributes:
        host: its name, for TLS, logs and statuses; it is looked up unless ``address`` is given.
        port: its TCP port.
        path: a UNIX socket, instead of host and port.
        address: its IP address, where that is known already.
        protocol: ``smtp`` or ``lmtp``.
        policy: what is demanded of TLS.
        implicit_tls: TLS from the first octet (RFC 8314).
        credentials: who we are there, or None to not log in.
        source: the address of ours to connect from.
        endpoint: connects, instead of the usual way; does not make a target another one.
        domain: whose mail it is, for reports; does not make a target another one.
    """

    host: str
    port: int = 25
    path: str | None = None
    address: str | None = None
    protocol: Literal["smtp", "lmtp"] = "smtp"
    policy: ClientPolicy = OPPORTUNISTIC
    implicit_tls: bool = False
    credentials: ClientCredentials | None = field(default=None)
    source: str | None = None
    endpoint: IStreamClientEndpoint | None = field(default=None, compare=False, repr=False)
    domain: str = field(default="", compare=False)

    def __str__(self) -> str:
        """For people: ``mx.example.test:25``."""
        return self.path or (f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}")


class Connector:
    """Makes clients.

    Args:
        reactor: connects, and is the clock.
        settings: timeouts, our name.
        contexts: for TLS; without them it is neither used nor can it be demanded.
        endpoint: makes the endpoint of a target, where not the usual one is meant.
        hostnames: what we call ourselves on connections from some of our addresses.
        note: is told how TLS went, after each session that began and each that could not for TLS: target, policy,
            client, and the failure or None. Raises nothing.
    """

    def __init__(
        self,
        reactor: Any,
        settings: ClientSettings | None = None,
        contexts: IClientContexts | None = None,
        endpoint: Callable[[Target], IStreamClientEndpoint] | None = None,
        hostnames: Mapping[str, str] | None = None,
        note: Callable[[Target, ClientPolicy, SMTPClient, TLSFailed | None], None] | None = None,
    ) -> None:
        self.reactor = reactor
        self.settings = settings or ClientSettings()
        self._contexts = contexts
        self._endpoint = endpoint or self._usual_endpoint
        self._hostnames = hostnames or {}
        self._note = note

    async def connect(self, target: Target) -> SMTPClient:
        """A client that can send.

        Raises:
            Unreachable: there was no connection, or it was lost; `TLSFailed`: no TLS such as is demanded.
            Refused: the server does not want us.
            MailframeError: no way to log in that both have.
        """
        policy = target.policy
        try:
            return await self._attempt(target, policy)
        except TLSFailed as failed:
            if policy.level is not Level.OPPORTUNISTIC or target.implicit_tls:
                raise
            # RFC 7435 section 4: who would take clear text takes it also from a server whose TLS is broken.
            log.warn("{host}: {reason}; again without TLS", host=str(target), reason=failed.reason)
            return await self._attempt(target, NO_TLS)

    async def _attempt(self, target: Target, policy: ClientPolicy) -> SMTPClient:
        client = SMTPClient(
            ClientCore(target.host if target.path is None else str(target), target.protocol),
            self.settings,
            self.reactor,
        )
        metrics = client.metrics
        try:
            await self._open(target, policy, client)
            client.hostname = self._hostnames.get(client.source, "")
            await client.greeted()
            await client.hello()
            if not target.implicit_tls:
                await self._upgrade(target, policy, client)
            if target.credentials is not None:
                await client.log_in(target.credentials, clear=target.path is not None)
        except BaseException as error:
            metrics.failed.inc()
            client.close()
            if self._note is not None and isinstance(error, TLSFailed):
                self._note(target, policy, client, error)
            if isinstance(error, MailframeError):
                log.info("no session with {host}: {reason}", host=str(target), reason=error.reason)
            raise
        metrics.connected.inc()
        secured = metrics.verified if client.verified else metrics.encrypted
        (secured if client.tls is not None else metrics.clear).inc()
        if self._note is not None and policy.level.used:
            self._note(target, policy, client, None)
        return client

    async def _open(self, target: Target, policy: ClientPolicy, client: SMTPClient) -> None:
        endpoint = target.endpoint or self._endpoint(target)
        if target.implicit_tls:
            creator = self._creator(target, policy if policy.level.used else OPPORTUNISTIC)
            client.implicit_tls()
            endpoint = wrapClientTLS(creator, endpoint)
        connecting: Deferred[Any] = endpoint.connect(_OneConnection(client))
        limit = self.reactor.callLater(self.settings.connect_timeout, connecting.cancel)
        try:
            await connecting
        except (ConnectError, DNSLookupError, OSError, ValueError, CancelledError) as error:
            if isinstance(error, CancelledError) and limit.active():
                raise
            words = _words(error) if limit.active() else "it takes too long"
            raise Unreachable(_no_connection(target, error, words), f"{target}: {words}") from None
        finally:
            if limit.active():
                limit.cancel()

    async def _upgrade(self, target: Target, policy: ClientPolicy, client: SMTPClient) -> None:
        """STARTTLS as the policy wants it."""
        if not policy.level.used or (self._contexts is None and not policy.level.required):
            return
        if "STARTTLS" not in client.capabilities:
            if policy.level.required:
                raise TLSFailed(
                    NOT_OFFERED,
                    f"{target} offers no STARTTLS, and {policy.level.value} is demanded",
                    Result.STARTTLS_NOT_SUPPORTED,
                )
            return
        creator = self._creator(target, policy)
        try:
            await client.start_tls(creator)
        except Refused as refused:
            if policy.level.required or not client.usable:
                raise TLSFailed(
                    Status((4, 7, 4), refused.status.text), refused.reason, Result.STARTTLS_NOT_SUPPORTED
                ) from None
            log.info("{host} does not begin TLS: {reason}", host=str(target), reason=refused.reason)
            return
        await client.hello()

    def _creator(self, target: Target, policy: ClientPolicy) -> Any:
        if self._contexts is None:
            raise TLSFailed(NOT_SET_UP, "there are no contexts for TLS")
        try:
            return self._contexts.creator(policy, target.host)
        except (CertificateError, ValueError) as error:
            raise TLSFailed(NOT_SET_UP, f"TLS with {target} is not set up: {error}") from None

    def _usual_endpoint(self, target: Target) -> IStreamClientEndpoint:
        if target.path is not None:
            return UNIXClientEndpoint(self.reactor, target.path)
        bind = (target.source, 0) if target.source else None
        return HostnameEndpoint(
            self.reactor,
            target.address or target.host,
            target.port,
            timeout=self.settings.connect_timeout,
            bindAddress=bind,
        )


class _OneConnection(ClientFactory):
    """Gives the protocol that was made already."""

    noisy = False

    def __init__(self, client: SMTPClient) -> None:
        self._client = client

    def buildProtocol(self, addr: IAddress | None) -> SMTPClient:
        return self._client


def _no_connection(target: Target, error: Exception, words: str) -> Status:
    if isinstance(error, DNSLookupError):
        return Status((4, 4, 3), ascii_text(f"{target.host} cannot be looked up"))
    return Status((4, 4, 1), ascii_text(f"No connection to {target}: {words}"))


def _words(error: Exception) -> str:
    if isinstance(error, CancelledError | ConnectTimeout):
        return "it takes too long"
    if isinstance(error, DNSLookupError):
        return "the name cannot be looked up"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).split(": ")[-1].rstrip(".") or type(error).__name__

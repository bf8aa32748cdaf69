"""One request by HTTPS: our resolver, our contexts, no redirects, bounds on time and octets; nothing is kept open."""

from __future__ import annotations

import io
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from mailframe.dns.interfaces import IResolver, LookupFailed
from mailframe.dns.values import RecordType
from mailframe.tls.errors import CertificateError, TLSRefused
from mailframe.tls.interfaces import IClientContexts
from mailframe.tls.policies import ClientPolicy, Level, is_ip_address

ADDRESSES_LIMIT = 4
CONNECT_TIMEOUT = 10.0
HEAD_LIMIT = 64 * 1024
"""Octets of an answer's status, fields and chunk sizes; Twisted bounds each line, and not how many there are."""


class HTTPSFailed(Exception):
    """No answer came; the text is for logs.

    Attributes:
        certificate: because the host's certificate does not hold.
    """

    def __init__(self, reason: str, certificate: bool = False) -> None:
        super().__init__(reason)
        self.certificate = certificate


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: ``code``, ``content_type`` (lower case, without parameters) and ``body``."""

    code: int
    content_type: str
    body: bytes


async def request(
    reactor: Any,
    resolver: IResolver,
    contexts: IClientContexts,
    method: bytes,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout: float,
    size_limit: int,
    port: int = 443,
    public: bool = False,
) -> Response:
    """Ask once.

    Args:
        reactor: makes connections and keeps time.
        resolver: finds the host.
        contexts: whom to trust.
        method, url, headers, body: the request; the URL's own port is taken where it names one.
        timeout: seconds for all of it.
        size_limit: octets of the answer's body.
        port: where the URL names none.
        public: only to addresses of the Internet. For URLs that strangers choose: a port of a machine behind our
            firewall shall not be knocked at, nor be said anything, even as part of a handshake.

    Raises:
        HTTPSFailed: no answer in time and within the bounds.
    """
    asking: Deferred[Response] = Deferred.fromCoroutine(
        _ask(reactor, resolver, contexts, method, url, headers or {}, body, size_limit, port, public)
    )
    late = reactor.callLater(timeout, asking.cancel)
    try:
        return await asking
    except HTTPSFailed:
        raise
    except LookupFailed as failed:
        raise HTTPSFailed(f"the host cannot be found: {failed.reason}") from failed
    except Exception as error:
        if not late.active():
            raise HTTPSFailed(f"no answer within {timeout:g} seconds") from error
        raise _told(error) from error
    finally:
        if late.active():
            late.cancel()


async def _ask(
    reactor: Any,
    resolver: IResolver,
    contexts: IClientContexts,
    method: bytes,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    size_limit: int,
    port: int,
    public: bool,
) -> Response:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https" or not host:
        raise HTTPSFailed("that is no address of HTTPS")
    fields = Headers({"User-Agent": ["Mailframe"], **{name: [value] for name, value in headers.items()}})
    wrong: Exception = HTTPSFailed("the host has no address")
    addresses = [each for each in await _addresses(resolver, host) if not public or _is_public(each)]
    for address in addresses[:ADDRESSES_LIMIT]:
        policy = ClientPolicy(Level.VERIFY, (host,))
        endpoint = wrapClientTLS(
            contexts.creator(policy, host),
            HostnameEndpoint(reactor, address, parts.port or port, timeout=CONNECT_TIMEOUT),
        )
        way = _To(endpoint, 2 * size_limit + HEAD_LIMIT)
        agent = Agent.usingEndpointFactory(reactor, way)
        producer = FileBodyProducer(io.BytesIO(body), cooperator=_cooperator(reactor)) if body else None
        try:
            response = await agent.request(method, url.encode("ascii"), fields, producer)
            return await _received(response, size_limit)
        except HTTPSFailed:
            raise
        except Exception as error:
            if way.flooded:
                raise _too_large(size_limit) from error
            wrong = error
            if _told(error).certificate:
                break
    raise wrong


def _cooperator(reactor: Any) -> Any:
    from twisted.internet.task import Cooperator

    return Cooperator(scheduler=lambda call: reactor.callLater(0, call))


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return parsed.is_global and not parsed.is_multicast


async def _addresses(resolver: IResolver, host: str) -> list[str]:
    if is_ip_address(host):
        return [host]
    found: list[str] = []
    failed: LookupFailed | None = None
    for kind in (RecordType.A, RecordType.AAAA):
        try:
            found += (await resolver.lookup(host, kind)).texts[: ADDRESSES_LIMIT // 2]
        except LookupFailed as error:
            failed = error
        except ValueError as error:
            raise HTTPSFailed("the host cannot be a name") from error
    if failed is not None and not found:
        raise failed
    return found


async def _received(response: Any, size_limit: int) -> Response:
    kinds = response.headers.getRawHeaders("content-type", [""])
    collector = _Collector(size_limit)
    response.deliverBody(collector)
    body = await collector.done
    return Response(response.code, kinds[0].partition(";")[0].strip().lower(), body)


def _told(error: Exception) -> HTTPSFailed:
    """Why, in words that name no library; Twisted wraps reasons in reasons."""
    for one in _reasons(error):
        if isinstance(one, TLSRefused):
            return HTTPSFailed(f"the certificate does not hold: {one.reason}", certificate=True)
        if isinstance(one, CertificateError):
            return HTTPSFailed(f"our own certificates cannot be read: {one}")
    return HTTPSFailed(f"the host cannot be asked ({type(error).__name__})")


def _reasons(error: BaseException) -> list[BaseException]:
    found = [error]
    for one in getattr(error, "reasons", None) or ():
        found += _reasons(one.value if isinstance(one, Failure) else one)  # type: ignore[arg-type]
    return found


def _too_large(limit: int) -> HTTPSFailed:
    return HTTPSFailed(f"the answer has more than {limit} octets")


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class _To:
    """The one way to a host, and a bound on all that comes from there, whatever part of an answer it is."""

    def __init__(self, endpoint: IStreamClientEndpoint, limit: int) -> None:
        self._endpoint = endpoint
        self._left = limit

    def endpointForURI(self, uri: object) -> IStreamClientEndpoint:
        return self

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        factory = WrappingFactory(protocolFactory)
        factory.noisy = False
        factory.protocol = lambda *parts: _Wire(self, *parts)
        connecting: Deferred[Any] = self._endpoint.connect(factory)
        return connecting.addCallback(lambda wire: wire.wrappedProtocol)

    @property
    def flooded(self) -> bool:
        """Came more than may come?"""
        return self._left < 0

    def take(self, octets: int) -> bool:
        """So much came; may more come?"""
        self._left -= octets
        return not self.flooded


class _Wire(ProtocolWrapper):
    def __init__(self, way: _To, *parts: Any) -> None:
        super().__init__(*parts)
        self._way = way

    def dataReceived(self, data: bytes) -> None:
        if self._way.take(len(data)):
            super().dataReceived(data)  # type: ignore[no-untyped-call]
        else:
            self.transport.abortConnection()  # type: ignore[union-attr]


class _Collector(Protocol):
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self.done: Deferred[bytes] = Deferred(self._stop)

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            if not self.done.called:
                self.done.errback(_too_large(self._limit))
            self._stop()
            return
        self._pieces.append(data)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 - Twisted's own
        if self.done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(b"".join(self._pieces))
        else:
            self.done.errback(HTTPSFailed("the answer ended before its end"))

    def _stop(self, cancelled: object = None) -> None:
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

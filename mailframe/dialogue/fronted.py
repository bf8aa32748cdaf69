"""Listeners behind a proxy: the PROXY header comes first, then everything else, TLS included.

Until the whole header is there the real protocol is not even made, so that nothing is said too early and nobody asks
who the client is. Then it gets the transport itself, not one more layer around it: the transport answers for the
client's addresses from then on, and what comes after costs what it always does.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.message.networks import Networks
from mailframe.message.origin import ProxyFacts, ip_address

from . import metrics
from .proxy_header import HEADER_LIMIT, ProxyHeader, ProxyHeaderError, parse_header
from .proxy_tlvs import ALPN, AUTHORITY, SSL, UNIQUE_ID, first, parse_tls, text_of

HEADER_TIME = 10.0
"""Seconds a proxy has for its header: it sends it with the first octet, but a packet may be lost on the way."""

log = Logger()


@implementer(IProtocolFactory)
class FrontedFactory:
    """A factory around another: reads a PROXY header, then leaves the connection to a protocol of the other.

    Connections from elsewhere than the listed networks, without a right header, or too slow with it are dropped
    before anything is said on them. Local sockets are guarded by the mode of their path.

    Args:
        factory: makes the real protocols.
        networks: who may send headers.
        clock: for the time.
        timeout: seconds until the header has to be there.
        header_limit: octets it may have.
        trusts_tls: does TLS that ended at a proxy count for logins?

    Attributes:
        waiting: connections whose header is not there yet.
    """

    noisy = False

    def __init__(
        self,
        factory: IProtocolFactory,
        networks: Networks,
        clock: IReactorTime,
        timeout: float = HEADER_TIME,
        header_limit: int = HEADER_LIMIT,
        trusts_tls: bool = False,
    ) -> None:
        self.wrappedFactory = factory
        self.networks = networks
        self.clock = clock
        self.timeout = timeout
        self.header_limit = header_limit
        self.trusts_tls = trusts_tls
        self.waiting: set[HeaderFirst] = set()

    def buildProtocol(self, addr: IAddress | None) -> IProtocol:
        """A protocol that reads the header."""
        return HeaderFirst(self)

    def doStart(self) -> None:
        """A port listens."""
        self.wrappedFactory.doStart()

    def doStop(self) -> None:
        """A port is closed."""
        self.wrappedFactory.doStop()


class HeaderFirst(Protocol):
    """Reads the header of one connection and hands the connection over.

    Args:
        factory: the listener it came by.
    """

    def __init__(self, factory: FrontedFactory) -> None:
        self._factory = factory
        self._received = bytearray()
        self._alarm: IDelayedCall | None = None
        self._over = False
        self._inner: IProtocol | None = None
        self._proxy = ""

    # The transport calls these.

    def connectionMade(self) -> None:
        """Drop strangers; wait for the header of others."""
        self._proxy = getattr(self._transport().getPeer(), "host", "unix")
        if self._proxy != "unix" and self._proxy not in self._factory.networks:
            metrics.STRANGER.inc()
            self._drop("it is not from a listed proxy")
            return
        self._alarm = self._factory.clock.callLater(self._factory.timeout, self._timed_out)
        self._factory.waiting.add(self)

    def dataReceived(self, data: bytes) -> None:
        """Look for the end of the header."""
        if self._inner is not None:
            # Twisted's own transports talk to the real protocol by now; not all that others made do.
            self._inner.dataReceived(data)
            return
        if self._over:
            return
        self._received += data
        try:
            found = parse_header(self._received, self._factory.header_limit)
            if found is not None:
                facts = facts_of(found[0], self._proxy, self._factory.trusts_tls)
        except ProxyHeaderError as error:
            metrics.MALFORMED.inc()
            self._drop(str(error))
            return
        if found is not None:
            header, end = found
            rest = bytes(self._received[end:])
            self._forget()
            self._hand_over(header, facts, rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Gone; without an octet, it was a look whether the port is open."""
        inner, dropped = self._inner, self._over
        self._forget()
        self._over = True
        if inner is not None:
            inner.connectionLost(reason)
        elif not dropped:
            metrics.SILENT.inc()
            log.debug("{peer} went away before its PROXY header", peer=self._proxy)

    # Whoever runs the service calls this.

    def abort(self) -> None:
        """End it: the service goes away."""
        self._forget()
        self._over = True
        self._transport().abortConnection()

    # The header.

    def _hand_over(self, header: ProxyHeader, facts: ProxyFacts, rest: bytes) -> None:
        transport = self._transport()
        self._count(header)
        transport.proxy_facts = facts
        if header.knows_client and believable(header, self._proxy):
            peer = _address(header.source, header.source_port)
            host = _address(header.destination, header.destination_port)
            transport.getPeer = lambda: peer
            transport.getHost = lambda: host
        inner = self._factory.wrappedFactory.buildProtocol(transport.getPeer())
        if inner is None:
            self._over = True
            transport.abortConnection()
            return
        self._inner = inner
        if hasattr(transport, "protocol"):
            # As startTLS does it: from here on we are not in the way of any octet.
            transport.protocol = inner
        inner.makeConnection(transport)
        if rest:
            inner.dataReceived(rest)

    def _count(self, header: ProxyHeader) -> None:
        if header.local:
            metrics.LOCAL.inc()
        elif header.knows_client:
            metrics.CLIENT.inc()
        else:
            metrics.UNKNOWN.inc()

    # Ends.

    def _timed_out(self) -> None:
        self._alarm = None
        metrics.TIMED_OUT.inc()
        self._drop(f"no PROXY header came in {self._factory.timeout:g} seconds")

    def _drop(self, reason: str) -> None:
        log.warn("{peer} is dropped before the greeting: {reason}", peer=self._proxy, reason=reason)
        self._forget()
        self._over = True
        self._transport().abortConnection()

    def _forget(self) -> None:
        self._factory.waiting.discard(self)
        self._received.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _transport(self) -> Any:
        # TCP, UNIX and in-memory transports share no one interface that has all of this.
        return self.transport


def facts_of(header: ProxyHeader, proxy: str, trusts_tls: bool = False) -> ProxyFacts:
    """What a header says, for policies and logs.

    Args:
        header: as it was read.
        proxy: the address of who sent it.
        trusts_tls: does TLS that ended there count for logins?

    Raises:
        ProxyHeaderError: an extension in it is broken.
    """
    ssl = first(header.tlvs, SSL)
    return ProxyFacts(
        peer=proxy,
        local=not header.knows_client or (header.version == 1 and _same(header.source, proxy)),
        destination=header.destination,
        destination_port=header.destination_port,
        alpn=text_of(first(header.tlvs, ALPN)),
        authority=text_of(first(header.tlvs, AUTHORITY)),
        unique_id=text_of(first(header.tlvs, UNIQUE_ID)),
        tls=parse_tls(ssl) if ssl is not None else None,
        extensions=tuple((tlv.kind, tlv.value) for tlv in header.tlvs),
        tls_trusted=trusts_tls,
    )


def believable(header: ProxyHeader, proxy: str) -> bool:
    """May the addresses in a header be taken for the client's?

    A loopback address or a UNIX socket is on the machine of the proxy. Where that is another one than ours, its
    clients must not get what clients on this machine get.

    Args:
        header: with addresses.
        proxy: the address of who sent it.
    """
    return not _is_here(header.source) or _is_here(proxy)


def _is_here(text: str) -> bool:
    address = ip_address(text)
    return address is None or address.is_loopback or address.is_unspecified


def _same(source: str, proxy: str) -> bool:
    """Does a proxy name itself as the client? In version 1, HAProxy's checks have no other way to say so."""
    address = ip_address(source)
    return address is not None and address == ip_address(proxy)


def _address(host: str, port: int) -> IAddress:
    # A balancer that listens on one socket for both families tells of IPv4 clients in IPv6's clothes.
    address = ip_address(host)
    if address is None:
        return cast(IAddress, UNIXAddress(host or None))
    return cast(IAddress, (IPv4Address if address.version == 4 else IPv6Address)("TCP", str(address), port))

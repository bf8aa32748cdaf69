"""Where mail came from: the facts of one connection that policy, trace fields and logs need."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TLSFacts:
    """What was negotiated, for trace fields and logs.

    Attributes:
        version: for example ``"TLSv1.3"``.
        cipher: for example ``"TLS_AES_256_GCM_SHA384"``.
        bits: strength of the cipher in bits.
        server_name: the name the client asked for (SNI), or None.
        client_name: the verified name of a client certificate, or None.
        group: of the key exchange, for example ``"X25519MLKEM768"``, or None where that is not known.
        verified: how the other side was authenticated, ``"pkix"``, ``"dane-ee"`` or ``"dane-ta"``; None when
            it was not.
        client_fingerprint: SHA-256 of a verified client certificate, in hexadecimal digits, or None.
    """

    version: str
    cipher: str
    bits: int
    server_name: str | None = None
    client_name: str | None = None
    group: str | None = None
    verified: str | None = None
    client_fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class ProxyTLS:
    """What a proxy in front says of the client's TLS with it.

    Attributes:
        used: did the client speak TLS?
        version: for example ``"TLSv1.3"``, "" where it does not say.
        cipher: likewise.
        certificate: did the client show a certificate, now or when its TLS session began?
        verified: did the proxy find it good?
        client_name: the common name in it, or None.
    """

    used: bool = False
    version: str = ""
    cipher: str = ""
    certificate: bool = False
    verified: bool = False
    client_name: str | None = None


@dataclass(frozen=True, slots=True)
class ProxyFacts:
    """What a proxy in front of the listener says of a connection (PROXY protocol, HAProxy's proxy-protocol.txt).

    Attributes:
        peer: the proxy's own address (``"unix"`` for a local socket).
        local: the proxy speaks for itself, as in a health check: it says so, or cannot say who the client is, or
            names itself as the client in version 1, which has no word for checks.
        destination: the address that the client connected to, "" where that is not known.
        destination_port: its port.
        alpn: what client and proxy agreed on by ALPN, or None.
        authority: the host name the client asked for, by SNI for example, or None.
        unique_id: names the connection in the proxy's own log, or None.
        tls: of the client's TLS with the proxy, or None where the proxy does not say.
        extensions: all that the header had, by type, as octets in the order they came.
        tls_trusted: whoever runs this server lets TLS that ends at the proxy count for logins.
    """

    peer: str
    local: bool = False
    destination: str = ""
    destination_port: int = 0
    alpn: str | None = None
    authority: str | None = None
    unique_id: str | None = None
    tls: ProxyTLS | None = None
    extensions: tuple[tuple[int, bytes], ...] = ()
    tls_trusted: bool = False

    @property
    def tls_counts(self) -> bool:
        """May the client say secrets although TLS is not on here: did it end at the proxy, and is that trusted?"""
        return self.tls_trusted and not self.local and self.tls is not None and self.tls.used

    @property
    def tls_version(self) -> str | None:
        """The version of the TLS that ended at the proxy, by the proxy's word; None where there was none."""
        return (self.tls.version or "TLS") if self.tls is not None and self.tls.used else None


@dataclass(slots=True)
class Origin:
    """The client of one connection; filled as the dialogue goes on.

    Attributes:
        session_id: names the connection in every log line.
        peer: the client's IP address as text (``"unix"`` for a local socket, ``"unknown"`` where somebody in
            front of this server who speaks for it does not know).
        peer_port: its port, 0 where there is none.
        local_port: the port it came in by, 0 where there is none.
        protocol: ``"smtp"`` or ``"lmtp"``.
        helo: what it said in HELO, EHLO or LHLO, or None before that.
        extended: True after EHLO or LHLO.
        tls: facts of the TLS session, or None in clear.
        login: the authenticated account's address, or None.
        proxy: what the proxy in front says, or None where there is none.
    """

    session_id: str
    peer: str
    peer_port: int = 0
    local_port: int = 0
    protocol: str = "smtp"
    helo: str | None = None
    extended: bool = False
    tls: TLSFacts | None = None
    login: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    """Facts that policies leave for each other and for the log, by name."""
    proxy: ProxyFacts | None = None


def ip_address(peer: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address a peer has, in the one form that may be compared with networks.

    Args:
        peer: as `Origin.peer`, perhaps with a zone (``fe80::1%eth0``).

    Returns:
        The address without its zone, IPv4 where it is that in IPv6's clothes; None for a local socket and for
        what is not known.
    """
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address

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
    """

    version: str
    cipher: str
    bits: int
    server_name: str | None = None
    client_name: str | None = None


@dataclass(slots=True)
class Origin:
    """The client of one connection; filled as the dialogue goes on.

    Attributes:
        session_id: names the connection in every log line.
        peer: the client's IP address as text (``"unix"`` for a local socket).
        peer_port: its port, 0 where there is none.
        local_port: the port it came in by, 0 where there is none.
        protocol: ``"smtp"`` or ``"lmtp"``.
        helo: what it said in HELO, EHLO or LHLO, or None before that.
        extended: True after EHLO or LHLO.
        tls: facts of the TLS session, or None in clear.
        login: the authenticated account's address, or None.
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


def ip_address(peer: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address a peer has, in the one form that may be compared with networks.

    Args:
        peer: as `Origin.peer`, perhaps with a zone (``fe80::1%eth0``).

    Returns:
        The address without its zone, IPv4 where it is that in IPv6's clothes; None for a local socket.
    """
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address

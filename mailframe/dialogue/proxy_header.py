"""The PROXY protocol's header, versions 1 and 2: bytes to a value and back (HAProxy's proxy-protocol.txt).

A balancer that is not a mail server sends it in front of everything else on a connection, so that the server behind
it knows the client. `parse_header` is told all octets that came so far; it never looks beyond the header's end. Type,
length, value: the extensions of version 2 are in `mailframe.dialogue.proxy_tlvs`.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Final, Literal

from .proxy_tlvs import CRC32C, TLV, ProxyHeaderError, check_crc32c, encode_tlvs, parse_tlvs, sealed

__all__ = [
    "HEADER_LIMIT",
    "SIGNATURE",
    "Family",
    "ProxyHeader",
    "ProxyHeaderError",
    "encode_v1",
    "encode_v2",
    "parse_header",
]

Family = Literal["unknown", "inet", "inet6", "unix"]
"""What kind of addresses a header has."""

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
"""The first twelve octets of version 2; no line of any protocol that waits for commands."""
HEADER_LIMIT: Final = 16 * 1024
"""Octets that a header of version 2 may have unless told otherwise: enough for a client certificate in a TLV."""

_V1: Final = b"PROXY "
_V1_LIMIT: Final = 107
"""Octets of the longest header of version 1, its CRLF among them (section 2.1)."""
_V2_FIXED: Final = 16
_UNIX_SIZE: Final = 108
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED: Final = 0x00
_FAMILIES: Final[dict[int, tuple[Family, int]]] = {
    0x11: ("inet", 12),
    0x21: ("inet6", 36),
    0x31: ("unix", 216),
}
"""Octet 14, for streams: the family and the length of its two addresses (section 2.2)."""
_CODES: Final = {family: code for code, (family, _) in _FAMILIES.items()}
_DATAGRAMS: Final = (0x12, 0x22, 0x32)


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a proxy says of a connection.

    Attributes:
        version: 1 or 2.
        local: the proxy speaks for itself, as in a health check (LOCAL).
        family: ``unknown`` when the proxy cannot say who the client is; then there are no addresses.
        source: the client's address: an IP address, or the path of a UNIX socket, "" where there is none.
        source_port: its port.
        destination: the address that the client connected to.
        destination_port: its port.
        tlvs: the extensions, in the order they came.
    """

    version: int
    local: bool = False
    family: Family = "unknown"
    source: str = ""
    source_port: int = 0
    destination: str = ""
    destination_port: int = 0
    tlvs: tuple[TLV, ...] = ()

    @property
    def knows_client(self) -> bool:
        """False: the addresses of the connection itself are what counts."""
        return not self.local and self.family != "unknown"


def parse_header(octets: bytes | bytearray, limit: int = HEADER_LIMIT) -> tuple[ProxyHeader, int] | None:
    """Read a header.

    Args:
        octets: everything that came on the connection until now.
        limit: octets that it may have in all.

    Returns:
        The header and its length; None when its end has not come yet. What cannot become a header any more is
        refused at once.

    Raises:
        ProxyHeaderError: this is no header, or one that may not be believed.
    """
    if octets[:1] == SIGNATURE[:1]:
        return _parse_v2(bytes(octets[: max(limit, _V2_FIXED)]), limit)
    size = min(len(octets), len(_V1))
    if octets[:size] != _V1[:size]:
        raise ProxyHeaderError("it does not begin with a PROXY header")
    return _parse_v1(bytes(octets[:_V1_LIMIT]))


def encode_v1(header: ProxyHeader) -> bytes:
    """Write a header of version 1, which knows nothing of UNIX sockets and TLVs.

    Raises:
        ValueError: its addresses are none.
    """
    if not header.knows_client or header.family == "unix":
        return b"PROXY UNKNOWN\r\n"
    source, destination = _packed(header, header.source), _packed(header, header.destination)
    kind, family = ("TCP4", socket.AF_INET) if header.family == "inet" else ("TCP6", socket.AF_INET6)
    addresses = f"{socket.inet_ntop(family, source)} {socket.inet_ntop(family, destination)}"
    return f"PROXY {kind} {addresses} {header.source_port} {header.destination_port}\r\n".encode("ascii")


def encode_v2(header: ProxyHeader, *, checksum: bool = False) -> bytes:
    """Write a header of version 2.

    Args:
        header: what to say; a checksum among its TLVs is left out.
        checksum: add a CRC32C of the whole header.

    Raises:
        ValueError: its addresses are none, or it is too long.
    """
    command = _LOCAL if header.local else _PROXY
    code = _CODES.get(header.family, _UNSPECIFIED) if header.knows_client else _UNSPECIFIED
    body = _encode_addresses(header) if header.knows_client else b""
    body += encode_tlvs([tlv for tlv in header.tlvs if tlv.kind != CRC32C])
    if checksum:
        body += encode_tlvs([TLV(CRC32C, bytes(4))])
    if len(body) > 0xFFFF:
        raise ValueError("a PROXY header has at most 65535 octets behind its fixed part")
    header_octets = SIGNATURE + struct.pack("!BBH", command, code, len(body)) + body
    return sealed(header_octets) if checksum else header_octets


# Version 1: one line for people.


def _parse_v1(octets: bytes) -> tuple[ProxyHeader, int] | None:
    end = octets.find(b"\r\n")
    if end < 0:
        if len(octets) >= _V1_LIMIT:
            raise ProxyHeaderError(f"its line is longer than {_V1_LIMIT} octets")
        if b"\n" in octets or b"\r" in octets[:-1]:
            raise ProxyHeaderError("its line does not end with CRLF")
        return None
    words = octets[len(_V1) : end].split(b" ")
    if words[0] == b"UNKNOWN":
        # Whatever follows must be passed over (section 2.1).
        return ProxyHeader(1), end + 2
    if words[0] not in (b"TCP4", b"TCP6") or len(words) != 5:
        raise ProxyHeaderError("its line is not of version 1's form")
    family: Family = "inet" if words[0] == b"TCP4" else "inet6"
    source, destination = (_ip_address(word, family) for word in words[1:3])
    source_port, destination_port = (_port(word) for word in words[3:5])
    return ProxyHeader(1, False, family, source, source_port, destination, destination_port), end + 2


def _ip_address(word: bytes, family: Family) -> str:
    try:
        text = word.decode("ascii")
        if "%" in text:
            raise ValueError(text)
        made = ipaddress.IPv4Address(text) if family == "inet" else ipaddress.IPv6Address(text)
    except ValueError:
        raise ProxyHeaderError("an address in it is none") from None
    return str(made)


def _port(word: bytes) -> int:
    # No leading zeros: somebody might take them for octal (section 2.1).
    if not word.isdigit() or len(word) > 5 or (word.startswith(b"0") and word != b"0") or int(word) > 65535:
        raise ProxyHeaderError("a port in it is none")
    return int(word)


# Version 2: octets for machines.


def _parse_v2(octets: bytes, limit: int) -> tuple[ProxyHeader, int] | None:
    known = min(len(octets), len(SIGNATURE))
    if octets[:known] != SIGNATURE[:known]:
        raise ProxyHeaderError("it does not begin with a PROXY header")
    if len(octets) > 12 and octets[12] not in (_LOCAL, _PROXY):
        raise ProxyHeaderError("its version or command is unknown")
    if len(octets) < _V2_FIXED:
        return None
    end = _V2_FIXED + int.from_bytes(octets[14:16], "big")
    if end > limit:
        raise ProxyHeaderError(f"it is longer than {limit} octets")
    if len(octets) < end:
        return None
    return _read_v2(octets[:end]), end


def _read_v2(header: bytes) -> ProxyHeader:
    """A whole header of version 2."""
    if header[12] == _LOCAL:
        # The family and all that follows must be passed over (section 2.2).
        return ProxyHeader(2, local=True)
    code = header[13]
    if code == _UNSPECIFIED:
        return ProxyHeader(2)
    if code in _DATAGRAMS:
        raise ProxyHeaderError("it is of datagrams")
    if code not in _FAMILIES:
        raise ProxyHeaderError("its address family is unknown")
    family, size = _FAMILIES[code]
    body = header[_V2_FIXED:]
    if len(body) < size:
        raise ProxyHeaderError("it ends within its addresses")
    source, source_port, destination, destination_port = _decode_addresses(family, body[:size])
    tlvs = parse_tlvs(body[size:])
    check_crc32c(header, _V2_FIXED + size, tlvs)
    return ProxyHeader(2, False, family, source, source_port, destination, destination_port, tlvs)


def _decode_addresses(family: Family, block: bytes) -> tuple[str, int, str, int]:
    if family == "unix":
        paths = block[:_UNIX_SIZE], block[_UNIX_SIZE:]
        source, destination = (path.split(b"\0", 1)[0].decode("utf-8", "backslashreplace") for path in paths)
        return source, 0, destination, 0
    size = (len(block) - 4) // 2
    addresses = [str(ipaddress.ip_address(block[at : at + size])) for at in (0, size)]
    source_port, destination_port = struct.unpack("!HH", block[2 * size :])
    return addresses[0], source_port, addresses[1], destination_port


def _encode_addresses(header: ProxyHeader) -> bytes:
    block = _packed(header, header.source) + _packed(header, header.destination)
    if header.family == "unix":
        return block
    try:
        return block + struct.pack("!HH", header.source_port, header.destination_port)
    except struct.error:
        raise ValueError("a port is a number from 0 to 65535") from None


def _packed(header: ProxyHeader, address: str) -> bytes:
    if header.family == "unix":
        path = address.encode()
        if len(path) > _UNIX_SIZE:
            raise ValueError(f"the path of a socket has at most {_UNIX_SIZE} octets")
        return path.ljust(_UNIX_SIZE, b"\0")
    made = ipaddress.IPv4Address if header.family == "inet" else ipaddress.IPv6Address
    return made(address).packed

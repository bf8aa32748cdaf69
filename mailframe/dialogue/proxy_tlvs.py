"""The extensions of a PROXY header of version 2: type, length, value (proxy-protocol.txt section 2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mailframe.message.origin import ProxyTLS

ALPN: Final = 0x01
AUTHORITY: Final = 0x02
CRC32C: Final = 0x03
NOOP: Final = 0x04
UNIQUE_ID: Final = 0x05
SSL: Final = 0x20
SSL_VERSION: Final = 0x21
SSL_CN: Final = 0x22
SSL_CIPHER: Final = 0x23
NETNS: Final = 0x30

UNIQUE_ID_LIMIT: Final = 128
_CLIENT_SSL, _CERT_CONNECTION, _CERT_SESSION = 0x01, 0x02, 0x04
_POLYNOMIAL: Final = 0x82F63B78


class ProxyHeaderError(Exception):
    """What came is no PROXY header, or is broken; says why in a few words for the log."""


@dataclass(frozen=True, slots=True)
class TLV:
    """One extension.

    Attributes:
        kind: its type, 0 to 255.
        value: its octets.
    """

    kind: int
    value: bytes


def parse_tlvs(octets: bytes) -> tuple[TLV, ...]:
    """Take extensions apart; those that only fill space are left out.

    Raises:
        ProxyHeaderError: they do not end where they should.
    """
    found: list[TLV] = []
    at = 0
    while at < len(octets):
        value_at = at + 3
        end = value_at + int.from_bytes(octets[at + 1 : value_at], "big")
        if value_at > len(octets) or end > len(octets):
            raise ProxyHeaderError("it ends within an extension")
        if octets[at] != NOOP:
            found.append(TLV(octets[at], octets[value_at:end]))
        at = end
    return tuple(found)


def encode_tlvs(tlvs: Iterable[TLV]) -> bytes:
    """Write extensions.

    Raises:
        ValueError: one is too long.
    """
    pieces: list[bytes] = []
    for tlv in tlvs:
        if len(tlv.value) > 0xFFFF or not 0 <= tlv.kind <= 0xFF:
            raise ValueError("an extension has a type of one octet and at most 65535 octets")
        pieces.append(bytes([tlv.kind]) + len(tlv.value).to_bytes(2, "big") + tlv.value)
    return b"".join(pieces)


def first(tlvs: Iterable[TLV], kind: int) -> bytes | None:
    """The value of the first extension of a kind; None where there is none."""
    return next((tlv.value for tlv in tlvs if tlv.kind == kind), None)


def text_of(value: bytes | None) -> str | None:
    """A value as text for logs and policies: control characters and what is not UTF-8 are escaped."""
    if value is None:
        return None
    text = value.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def parse_tls(value: bytes) -> ProxyTLS:
    """What the SSL extension says of the client's TLS with the proxy.

    Raises:
        ProxyHeaderError: it is broken.
    """
    if len(value) < 5:
        raise ProxyHeaderError("its SSL extension is too short")
    inner = parse_tlvs(value[5:])
    client = value[0]
    certificate = bool(client & (_CERT_CONNECTION | _CERT_SESSION))
    return ProxyTLS(
        used=bool(client & _CLIENT_SSL),
        version=text_of(first(inner, SSL_VERSION)) or "",
        cipher=text_of(first(inner, SSL_CIPHER)) or "",
        certificate=certificate,
        verified=certificate and value[1:5] == bytes(4),
        client_name=text_of(first(inner, SSL_CN)),
    )


def encode_tls(facts: ProxyTLS) -> TLV:
    """The SSL extension that says this."""
    client = (_CLIENT_SSL if facts.used else 0) | (_CERT_CONNECTION if facts.certificate else 0)
    verify = 0 if facts.verified else 1
    inner = [
        TLV(kind, text.encode())
        for kind, text in (
            (SSL_VERSION, facts.version),
            (SSL_CN, facts.client_name),
            (SSL_CIPHER, facts.cipher),
        )
        if text
    ]
    return TLV(SSL, bytes([client]) + verify.to_bytes(4, "big") + encode_tlvs(inner))


# The checksum.


def _table() -> tuple[int, ...]:
    rows = []
    for row in range(256):
        for _ in range(8):
            row = row >> 1 ^ (_POLYNOMIAL if row & 1 else 0)
        rows.append(row)
    return tuple(rows)


_TABLE: Final = _table()


def crc32c(octets: bytes) -> int:
    """The CRC of RFC 4960 appendix B."""
    crc = 0xFFFFFFFF
    for octet in octets:
        crc = crc >> 8 ^ _TABLE[(crc ^ octet) & 0xFF]
    return crc ^ 0xFFFFFFFF


def check_crc32c(header: bytes, at: int, tlvs: Sequence[TLV]) -> None:
    """Compare a header with the checksum it has, if it has one.

    Args:
        header: the whole.
        at: where its extensions begin.
        tlvs: the same, taken apart.

    Raises:
        ProxyHeaderError: it is another one.
    """
    sums = [tlv.value for tlv in tlvs if tlv.kind == CRC32C]
    if not sums:
        return
    place = _place_of_checksum(header, at)
    if len(sums) > 1 or len(sums[0]) != 4:
        raise ProxyHeaderError("its checksum is not of one checksum's form")
    blank = header[:place] + bytes(4) + header[place + 4 :]
    if crc32c(blank) != int.from_bytes(sums[0], "big"):
        raise ProxyHeaderError("its checksum is wrong")


def sealed(header: bytes) -> bytes:
    """A header whose last extension is a blank checksum, with the checksum filled in."""
    return header[:-4] + crc32c(header).to_bytes(4, "big")


def _place_of_checksum(header: bytes, at: int) -> int:
    while header[at] != CRC32C:
        at += 3 + int.from_bytes(header[at + 1 : at + 3], "big")
    return at + 3

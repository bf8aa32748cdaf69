"""Questions and replies as octets: RFC 1035, EDNS (RFC 6891) and the AD bit (RFC 6840), no I/O.

On the codec of ``twisted.names.dns``, made strict: a reply that is cut short, or whose records are not as long as
they say, is no reply; only types that we know are read at all. The codec itself bounds compression pointers.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from twisted.names import dns

from .values import MXRecord, RecordType, SRVRecord

PAYLOAD: Final = 1232
"""Octets of a UDP reply that we take: never fragmented in practice (DNS Flag Day 2020, RFC 9715)."""
MESSAGE_LIMIT: Final = 65535

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)

_HEADER: Final = struct.Struct("!6H")
_OPT: Final = 41
_OPT_RECORD: Final = b"\x00" + struct.pack("!HHIH", _OPT, PAYLOAD, 0, 0)
_LONGEST_LIFETIME: Final = 0x7FFFFFFF
_NAME_LIMIT: Final = 254
_KINDS: Final = frozenset(map(int, RecordType))


class MalformedReply(Exception):
    """Octets that are no reply of the DNS."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: ``name`` as `mailframe.dns.questions.normal_name` makes it, and the type."""

    name: str
    kind: RecordType

    def __str__(self) -> str:
        return f"{self.name or '.'} {self.kind.name}"


@dataclass(frozen=True, slots=True)
class Record:
    """One record: owner, type, seconds to live, and what `mailframe.dns.values.Answer` has of it.

    Of an SOA record, ``value`` is the least of its own lifetime and its MINIMUM field, in seconds (RFC 2308
    section 5).
    """

    name: str
    kind: RecordType
    lifetime: int
    value: object


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said.

    Attributes:
        id: of the query.
        question: what it answers; None where it says none, as servers do that did not understand.
        code: NOERROR, NXDOMAIN and so on, with the upper bits of EDNS.
        truncated: there is more; ask by TCP.
        authentic: the AD bit.
        answers: those of class IN and a type that we know, in their order.
        authority: the same, of that section.
    """

    id: int
    question: Question | None
    code: int = NOERROR
    truncated: bool = False
    authentic: bool = False
    answers: tuple[Record, ...] = field(default=())
    authority: tuple[Record, ...] = field(default=())

    def is_to(self, number: int, question: Question) -> bool:
        """Does it answer that query? A server that did not understand may leave the question out."""
        if self.id != number:
            return False
        if self.question is None:
            return self.code in (FORMERR, SERVFAIL, NOTIMP, REFUSED)
        return self.question == question


def encode_query(number: int, question: Question, edns: bool = True) -> bytes:
    """A query for a recursive resolver, with AD set: tell me what DNSSEC says (RFC 6840 section 5.7)."""
    flags = 0x0100 | 0x0020
    labels = [label.encode("ascii") for label in question.name.split(".")] if question.name else []
    name = b"".join(bytes((len(label),)) + label for label in labels) + b"\x00"
    body = name + struct.pack("!HH", question.kind, dns.IN)
    return _HEADER.pack(number, flags, 1, 0, 0, int(edns)) + body + (_OPT_RECORD if edns else b"")


def decode_reply(packet: bytes) -> Reply:
    """Reads a reply.

    Raises:
        MalformedReply: these octets are none, whatever is wrong with them.
    """
    message = _StrictMessage()
    try:
        message.fromStr(packet)
        return _reply(message)
    except MalformedReply:
        raise
    except (
        EOFError,
        ValueError,
        IndexError,
        struct.error,
        dns.DNSDecodeError,
        UnicodeError,
        OverflowError,
    ) as error:
        raise MalformedReply(f"{type(error).__name__}: {error}") from None


class _StrictMessage(dns.Message):
    """A message of Twisted's that reads no records but ours, and knows when octets are missing."""

    counts = (0, 0, 0, 0)

    def fromStr(self, packet: bytes) -> None:
        if not _HEADER.size <= len(packet) <= MESSAGE_LIMIT:
            raise MalformedReply(f"{len(packet)} octets")
        self.counts = _HEADER.unpack_from(packet)[2:]
        if self.counts[0] > 1:
            raise MalformedReply("more than one question")
        super().fromStr(packet)
        for query in self.queries:
            _bounded(query.name)
        if not self.trunc and self.counts[:3] != (len(self.queries), len(self.answers), len(self.authority)):
            raise MalformedReply("cut short")

    def lookupRecordType(self, kind: int) -> Any:
        return _READ.get(kind, dns.UnknownRecord)

    def parseRecords(self, records: list[dns.RRHeader], count: int, stream: Any) -> None:
        for _ in range(count):
            header = dns.RRHeader()
            try:
                header.decode(stream)
                _bounded(header.name)
                begin = stream.tell()
                payload = self.lookupRecordType(header.type)(ttl=header.ttl)
                payload.decode(stream, header.rdlength)
            except EOFError:
                return
            if stream.tell() != begin + (header.rdlength or 0):
                raise MalformedReply("a record is not as long as it says")
            # Checked record by record: else a packet could have the codec put a long name together again and again.
            _bounded(getattr(payload, "name", None), getattr(payload, "target", None))
            header.payload = payload
            records.append(header)


_READ: Final[Mapping[int, Any]] = {
    RecordType.A: dns.Record_A,
    RecordType.NS: dns.Record_NS,
    RecordType.CNAME: dns.Record_CNAME,
    RecordType.SOA: dns.Record_SOA,
    RecordType.PTR: dns.Record_PTR,
    RecordType.MX: dns.Record_MX,
    RecordType.AAAA: dns.Record_AAAA,
    RecordType.SRV: dns.Record_SRV,
}


def _bounded(*names: dns.Name | None) -> None:
    if any(name is not None and len(name.name) > _NAME_LIMIT for name in names):
        raise MalformedReply("a name is too long")


def _reply(message: _StrictMessage) -> Reply:
    if not message.answer or message.opCode != dns.OP_QUERY:
        raise MalformedReply("not a reply")
    question = None
    if message.queries:
        asked = message.queries[0]
        if asked.cls != dns.IN or asked.type not in _KINDS:
            raise MalformedReply("an answer to something that we never ask")
        question = Question(_text(asked.name.name).lower(), RecordType(asked.type))
    extended = sum((header.ttl >> 24) << 4 for header in message.additional if header.type == _OPT)
    return Reply(
        message.id,
        question,
        message.rCode | extended,
        bool(message.trunc),
        bool(message.authenticData),
        tuple(_record(header) for header in message.answers if _is_ours(header)),
        tuple(_record(header) for header in message.authority if _is_ours(header)),
    )


def _is_ours(header: dns.RRHeader) -> bool:
    return header.cls == dns.IN and header.type in _KINDS


def _record(header: dns.RRHeader) -> Record:
    # RFC 2181 section 8: a lifetime with the most significant bit set is none.
    lifetime = header.ttl if header.ttl <= _LONGEST_LIFETIME else 0
    kind = RecordType(header.type)
    return Record(_text(header.name.name).lower(), kind, lifetime, _VALUES[kind](header.payload))


def _text(name: bytes) -> str:
    """A name as text; what is not visible ASCII as ``\\DDD`` (RFC 1035 section 5.1), so it can harm no log."""
    if name.isascii() and name.decode("ascii").isprintable() and b" " not in name and b"\\" not in name:
        return name.decode("ascii")
    return "".join(
        chr(octet) if 0x21 <= octet < 0x7F and octet != 0x5C else f"\\{octet:03d}" for octet in name
    )


def _name(payload: Any) -> str:
    return _text(payload.name.name).lower()


def _ipv4(payload: Any) -> str:
    return str(ipaddress.IPv4Address(payload.address))


def _ipv6(payload: Any) -> str:
    return str(ipaddress.IPv6Address(payload.address))


def _soa(payload: Any) -> int:
    return int(min(payload.ttl, payload.minimum))


def _strings(octets: bytes) -> bytes:
    """A TXT record's strings put together, as all that mail keeps there wants it (RFC 7208 section 3.3)."""
    strings, place = [], 0
    while place < len(octets):
        end = place + 1 + octets[place]
        if end > len(octets):
            raise MalformedReply("a TXT record is cut short")
        strings.append(octets[place + 1 : end])
        place = end
    return b"".join(strings)


_VALUES: Final[Mapping[RecordType, Callable[[Any], object]]] = {
    RecordType.A: _ipv4,
    RecordType.AAAA: _ipv6,
    RecordType.NS: _name,
    RecordType.CNAME: _name,
    RecordType.PTR: _name,
    RecordType.SOA: _soa,
    RecordType.MX: lambda payload: MXRecord(payload.preference, _name(payload)),
    RecordType.TXT: lambda payload: _strings(payload.data),
    RecordType.TLSA: lambda payload: bytes(payload.data),
    RecordType.SRV: lambda payload: SRVRecord(
        payload.priority, payload.weight, payload.port, _text(payload.target.name).lower()
    ),
}

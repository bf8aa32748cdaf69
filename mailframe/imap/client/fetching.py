"""FETCH responses: what a server tells of a message. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailframe.imap.wire.dates import date_time
from mailframe.imap.wire.parser import Parser
from mailframe.message.status import ProtocolError

from .responses import Streamed, Untagged, Value, bad

UID_LIMIT = 1 << 32


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one FETCH response tells; what is not in it is 0, empty or None.

    Attributes:
        flags: without ``\\\\Recent``; None where it does not tell.
        internal_date, save_date: seconds since the epoch, UTC.
        octets: the message's, where they came as a string; streamed ones came before.
        streamed: how many octets came as pieces; None where none did.
    """

    uid: int = 0
    flags: frozenset[str] | None = None
    internal_date: int = 0
    save_date: int = 0
    size: int = 0
    modseq: int = 0
    email_id: str = ""
    thread_id: str = ""
    octets: bytes | None = None
    streamed: int | None = None


def fetched(response: Untagged) -> Fetched:
    """A FETCH response.

    Raises:
        ProtocolError: it is none.
    """
    if response.name != b"FETCH" or len(response.values) != 1 or not isinstance(response.values[0], list):
        raise bad()
    items = _items(response.values[0])
    body = items.get(b"BODY[]", items.get(b"BODY[]<0>"))
    return Fetched(
        _number(items.get(b"UID"), UID_LIMIT),
        _flags(items.get(b"FLAGS")),
        _date(items.get(b"INTERNALDATE")),
        _date(items.get(b"SAVEDATE")),
        _number(items.get(b"RFC822.SIZE"), 1 << 63),
        _number(_only(items.get(b"MODSEQ")), 1 << 63),
        _text(_only(items.get(b"EMAILID"))),
        _text(_only(items.get(b"THREADID"))),
        body if isinstance(body, bytes) else None,
        body.size if isinstance(body, Streamed) else None,
    )


def _items(values: Sequence[Value]) -> dict[bytes, Value]:
    if len(values) % 2:
        raise bad()
    items: dict[bytes, Value] = {}
    for name, value in zip(values[::2], values[1::2], strict=True):
        if not isinstance(name, bytes):
            raise bad()
        items[name.upper()] = value
    return items


def _only(value: Value) -> Value:
    """The one member of a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else None


def _number(value: Value, limit: int) -> int:
    if value is None:
        return 0
    if not isinstance(value, bytes) or not value.isdigit() or len(value) > 19 or int(value) >= limit:
        raise bad()
    return int(value)


def _flags(value: Value) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise bad()
    # A flag that is not ASCII is none (RFC 9051 section 9), and cannot be kept.
    names = (flag.decode("ascii") for flag in value if isinstance(flag, bytes) and flag.isascii())
    return frozenset(name for name in names if name.lower() != "\\recent")


def _date(value: Value) -> int:
    """0 for a date that is none: a message is worth more than its date."""
    if not isinstance(value, bytes):
        return 0
    try:
        return max(0, date_time(Parser(b'"%b"' % value)))
    except ProtocolError:
        return 0


def _text(value: Value) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else ""

"""ENVELOPE read again: what a store keeps rendered, for commands that sort and thread by it (RFC 5256)."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|\{([0-9]{1,10})\}\r\n|(NIL)|([()])|( )', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)

Address = tuple[bytes | None, bytes | None, bytes | None]
"""Display name, mailbox and host."""


class EnvelopeFields(NamedTuple):
    """What an ENVELOPE says; of addresses the first.

    Attributes:
        date, subject: bodies of the fields, or None.
        sender, to, cc: the first of From, To and Cc, or None.
        in_reply_to, message_id: bodies of the fields, or None.
    """

    date: bytes | None = None
    subject: bytes | None = None
    sender: Address | None = None
    to: Address | None = None
    cc: Address | None = None
    in_reply_to: bytes | None = None
    message_id: bytes | None = None


def envelope_fields(octets: bytes) -> EnvelopeFields:
    """Read an ENVELOPE as `mailframe.imap.wire.envelope` writes it.

    Raises:
        ValueError: it is none.
    """
    at, depth, field = 0, 0, 0
    plain: dict[int, bytes | None] = {}
    lists: dict[int, list[bytes | None]] = {}
    while at < len(octets):
        match = _TOKEN.match(octets, at)
        if match is None:
            raise ValueError(f"no ENVELOPE, at octet {at}")
        at = match.end()
        quoted, size, _, bracket, space = match.groups()
        if space is not None:
            continue
        if bracket is not None:
            depth += 1 if bracket == b"(" else -1
            if depth == 1 and bracket == b")":
                field += 1
            continue
        value = None
        if quoted is not None:
            value = _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted
        elif size is not None:
            value = octets[at : at + int(size)]
            at += int(size)
        if depth == 1:
            plain[field] = value
            field += 1
        elif depth == 3 and len(lists.setdefault(field, [])) < _PARTS:
            lists[field].append(value)
    if depth or field != _FIELDS:
        raise ValueError("no whole ENVELOPE")
    return EnvelopeFields(
        plain.get(0),
        plain.get(1),
        _first(lists, 2),
        _first(lists, 5),
        _first(lists, 6),
        plain.get(8),
        plain.get(9),
    )


_PARTS = 4
_FIELDS = 10


def _first(lists: dict[int, list[bytes | None]], field: int) -> Address | None:
    found = lists.get(field)
    return (found[0], found[2], found[3]) if found is not None and len(found) == _PARTS else None

"""What SORT and THREAD go by, made of a header section once so that a store can keep it (RFC 5256, RFC 5957).

Texts are folded by ``i;unicode-casemap`` and kept as UTF-8, which sorts octet by octet as its characters do.
"""

from __future__ import annotations

from typing import NamedTuple

from .addresslist import Entry, parse
from .dates import parse_date
from .header import bodies
from .references import chain
from .subject import base_subject
from .text import fold_case
from .words import decode_words

HEAD = 64 * 1024
"""Octets of a message among which all of this is looked for."""
LIMIT = 1000
"""Octets of a text that count."""
_ADDRESSES_LIMIT = 4000
"""Octets of an address field among which its first address is looked for."""
_NAMES = frozenset((b"date", b"subject", b"from", b"to", b"cc", b"message-id", b"in-reply-to", b"references"))
_NOBODY = Entry(None, None, None, None)


class SortKeys(NamedTuple):
    """What one message is sorted and threaded by.

    Attributes:
        sent: of its Date field, seconds since the epoch; None where it has none that can be read.
        subject: the base subject (RFC 5256 section 2.1), folded.
        is_reply: did the subject have marks of a reply or a forward?
        sender, to, cc: local parts of the first addresses, folded.
        shown_sender, shown_to: what is displayed of them (RFC 5957 section 3), folded.
        message_id: its own, or None.
        references: ids of those before it, the oldest first: of References, or else the first of In-Reply-To.
    """

    sent: int | None = None
    subject: bytes = b""
    is_reply: bool = False
    sender: bytes = b""
    to: bytes = b""
    cc: bytes = b""
    shown_sender: bytes = b""
    shown_to: bytes = b""
    message_id: bytes | None = None
    references: tuple[bytes, ...] = ()


def sort_keys(head: bytes) -> SortKeys:
    """The keys of a message.

    Args:
        head: octets from its start.
    """
    found = {name: values[0] for name, values in bodies(head[:HEAD], _NAMES).items()}
    date = parse_date(found.get(b"date", b""))
    subject = base_subject(found.get(b"subject"))
    sender, to, cc = (_first(found.get(name)) for name in (b"from", b"to", b"cc"))
    own, earlier = chain(head[:HEAD])
    return SortKeys(
        None if date is None else date.seconds,
        _folded(subject.text),
        subject.is_reply,
        _local_part(sender),
        _local_part(to),
        _local_part(cc),
        _shown(sender),
        _shown(to),
        own,
        earlier,
    )


def pack(keys: SortKeys) -> bytes:
    """Keys as octets; `unpack` reads them."""
    return b"\0".join(
        (
            b"" if keys.sent is None else b"%d" % keys.sent,
            keys.subject,
            b"1" if keys.is_reply else b"",
            keys.sender,
            keys.to,
            keys.cc,
            keys.shown_sender,
            keys.shown_to,
            keys.message_id or b"",
            b" ".join(keys.references),
        )
    )


def unpack(octets: bytes) -> SortKeys:
    """Keys that `pack` wrote.

    Raises:
        ValueError: they are not.
    """
    sent, subject, is_reply, sender, to, cc, shown_sender, shown_to, message_id, references = octets.split(
        b"\0"
    )
    return SortKeys(
        int(sent) if sent else None,
        subject,
        is_reply != b"",
        sender,
        to,
        cc,
        shown_sender,
        shown_to,
        message_id or None,
        tuple(references.split(b" ")) if references else (),
    )


def part(octets: bytes, place: int) -> bytes:
    """One of packed keys, by its place in `SortKeys`, without unpacking the others."""
    return octets.split(b"\0", place + 1)[place]


def _first(body: bytes | None) -> Entry:
    return next(iter(parse(body[:_ADDRESSES_LIMIT])), _NOBODY) if body else _NOBODY


def _local_part(entry: Entry) -> bytes:
    return _folded((entry.mailbox or b"").decode("utf-8", "replace"))


def _shown(entry: Entry) -> bytes:
    """RFC 5957 section 3: the name, or else the address."""
    if entry.name:
        return _folded(decode_words(entry.name))
    if entry.mailbox and entry.host:
        return _folded(f"{entry.mailbox.decode('utf-8', 'replace')}@{entry.host.decode('utf-8', 'replace')}")
    return _local_part(entry)


def _folded(text: str) -> bytes:
    # In capitals: RFC 5051 sorts by title case, where "_" comes behind letters.
    return fold_case(text).upper().encode("utf-8", "replace").replace(b"\0", b"")[:LIMIT]

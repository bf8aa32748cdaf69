"""ENVELOPE as IMAP sends it, made from a header section (RFC 9051 sections 2.3.5 and 7.5.2).

Also the strings that ENVELOPE and BODYSTRUCTURE share: what is not safe in quotes goes as a literal.
"""

from __future__ import annotations

from mailframe.message.addresslist import Entry, parse
from mailframe.message.header import bodies

NIL = b"NIL"
_FIELDS = frozenset(
    (
        b"date",
        b"subject",
        b"from",
        b"sender",
        b"reply-to",
        b"to",
        b"cc",
        b"bcc",
        b"in-reply-to",
        b"message-id",
    )
)
_JOINED = frozenset((b"to", b"cc", b"bcc"))
# Quoted strings have no line ends and no 8-bit in IMAP4rev1; quotes and backslashes are escaped.
_QUOTABLE = bytes(octet for octet in range(1, 127) if octet not in b'\r\n"\\')
_QUOTED_LIMIT = 1000
ADDRESSES_LIMIT = 10_000
"""Addresses of a field that are told. Three octets (``a:;``) make two entries of 34, and those of From are told three
times: without this a megabyte of nonsense, sent by anybody, is an ENVELOPE of 35."""


def nstring(octets: bytes | None) -> bytes:
    """A string, or NIL for None."""
    return NIL if octets is None else string(octets)


def string(octets: bytes) -> bytes:
    """Octets as a quoted string where they are short and plain, otherwise as a literal without NULs.

    8-bit goes as a literal because that is right in IMAP4rev1 and IMAP4rev2 alike, and what is rendered here
    is kept for clients of both.
    """
    rest = octets.translate(None, _QUOTABLE)
    if len(octets) <= _QUOTED_LIMIT and not rest:
        return b'"' + octets + b'"'
    if len(octets) <= _QUOTED_LIMIT and not rest.translate(None, b'"\\'):
        return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    octets = octets.replace(b"\0", b"")
    return b"{%d}\r\n%b" % (len(octets), octets)


def envelope(header: bytes) -> bytes:
    """ENVELOPE of a message, parentheses included.

    Args:
        header: its header section. The first field of each name counts, address fields that come again are
            joined (obsolete syntax, RFC 5322 section 4.5.3). Sender and Reply-To default to From. Of more than
            `ADDRESSES_LIMIT` addresses the others are left out.
    """
    found = {
        name: b", ".join(values) if name in _JOINED else values[0]
        for name, values in bodies(header, _FIELDS).items()
    }
    sender = _addresses(found.get(b"from"))
    return b"(%b)" % b" ".join(
        (
            nstring(found.get(b"date")),
            nstring(found.get(b"subject")),
            sender,
            _addresses(found.get(b"sender"), sender),
            _addresses(found.get(b"reply-to"), sender),
            _addresses(found.get(b"to")),
            _addresses(found.get(b"cc")),
            _addresses(found.get(b"bcc")),
            nstring(found.get(b"in-reply-to")),
            nstring(found.get(b"message-id")),
        )
    )


def _addresses(body: bytes | None, default: bytes = NIL) -> bytes:
    entries = parse(body, ADDRESSES_LIMIT) if body else ()
    return b"(%b)" % b"".join([_address(entry) for entry in entries]) if entries else default


def _address(entry: Entry) -> bytes:
    name, route, mailbox, host = entry
    if mailbox is not None and host is not None and route is None:
        # Nearly all are plain; one look at all three strings is quicker than one at each.
        text = (name or b"") + mailbox + host
        if len(text) <= _QUOTED_LIMIT and not text.translate(None, _QUOTABLE):
            if name is None:
                return b'(NIL NIL "%b" "%b")' % (mailbox, host)
            return b'("%b" NIL "%b" "%b")' % (name, mailbox, host)
    return b"(%b %b %b %b)" % (nstring(name), nstring(route), nstring(mailbox), nstring(host))

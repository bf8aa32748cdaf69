"""What the server says: strings, status responses, untagged responses (RFC 3501 section 7)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailframe.message.status import Status
from mailframe.store.values import SEPARATOR

from .mailboxes import encode

QUOTED_LIMIT = 1000
"""Octets a quoted string may have; longer ones become literals, for the buffers of old clients."""

_ATOM = re.compile(rb"[A-Za-z0-9!#$&'+,\-./:;<=>?@^_`|~\[]+")
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
_QUOTABLE_UTF8 = re.compile(rb"[^\x00\r\n]*")
_SPECIAL = re.compile(rb'(["\\])')


def string(octets: bytes) -> bytes:
    """A string: quoted where it may be, a literal otherwise."""
    if len(octets) <= QUOTED_LIMIT and _QUOTABLE.fullmatch(octets):
        return quoted(octets)
    return literal(octets)


def quoted(octets: bytes) -> bytes:
    """A quoted string; ``octets`` must hold neither CR, LF nor NUL, and only for clients that switched UTF-8 on an
    octet above 127."""
    return b'"' + _SPECIAL.sub(rb"\\\1", octets) + b'"'


def literal(octets: bytes) -> bytes:
    """A literal. NUL has no place in one (RFC 3501 section 9) and is shown as octet 128."""
    if b"\0" in octets:
        octets = octets.replace(b"\0", b"\x80")
    return b"{%d}\r\n%b" % (len(octets), octets)


def literal_pieces(label: bytes, octets: bytes) -> tuple[bytes, bytes]:
    """A label, a space and a literal, as pieces: so that octets are not copied more often than need be."""
    if b"\0" in octets:
        octets = octets.replace(b"\0", b"\x80")
    return b"%b {%d}\r\n" % (label, len(octets)), octets


def nstring(octets: bytes | None) -> bytes:
    """A string, or NIL for None."""
    return b"NIL" if octets is None else string(octets)


def astring(octets: bytes) -> bytes:
    """An atom where it can be one, a string otherwise. NIL is quoted: it has a meaning as an atom."""
    if _ATOM.fullmatch(octets) and octets.upper() != b"NIL":
        return octets
    return string(octets)


def mailbox(name: str, utf8: bool = False) -> bytes:
    """A mailbox name in modified UTF-7, or in UTF-8 for clients that switched it on."""
    if not utf8:
        return astring(encode(name))
    octets = encode(name, utf8)
    if octets.isascii():
        return astring(octets)
    return quoted(octets) if _QUOTABLE_UTF8.fullmatch(octets) else literal(octets)


def mailbox_list(
    response: bytes, attributes: Iterable[bytes], name: str, utf8: bool = False, extended: bytes = b""
) -> bytes:
    """A LIST or LSUB response, whole.

    Args:
        extended: extended data items (RFC 5258 section 6), without their outer parentheses.
    """
    return b'* %b (%b) "%b" %b%b\r\n' % (
        response,
        b" ".join(attributes),
        SEPARATOR.encode("ascii"),
        mailbox(name, utf8),
        b" (%b)" % extended if extended else b"",
    )


def status_line(condition: bytes, text: str, word: str | None = None, tag: bytes = b"*") -> bytes:
    """A status response, whole: ``tag OK [WORD] text``.

    Args:
        condition: OK, NO, BAD, BYE or PREAUTH.
        text: ours, ASCII, one line; anything else in it is shown as ``?``.
        word: the response code with its arguments, without brackets.
    """
    code = b"[" + one_line(word) + b"] " if word else b""
    return b"%b %b %b%b\r\n" % (tag, condition, code, one_line(text) or b"-")


def refusal(tag: bytes, status: Status) -> bytes:
    """The tagged NO (or OK, where it is a success) for a decision."""
    return status_line(b"OK" if status.success else b"NO", status.text, status.word, tag)


def one_line(text: str) -> bytes:
    """Text that cannot break out of its line."""
    return re.sub(rb"[^\x20-\x7e]", b"?", text.encode("ascii", "replace"))

"""Mailbox names on the wire: modified UTF-7 both ways, and the wildcards of LIST (RFC 3501 sections 5.1.3, 6.3.8).

Clients that enabled IMAP4rev2 or UTF8=ACCEPT use UTF-8 instead (RFC 9051 section 5.1, RFC 9755 section 3).

Names in modified UTF-7 are decoded strictly: each Unicode name has one spelling on the wire, so that two spellings
cannot mean one mailbox, and no octet above 127 is taken (RFC 3501 section 5.1).
"""

from __future__ import annotations

import binascii
import re

from mailframe.message.status import MailframeError, Status
from mailframe.store.names import canonical
from mailframe.store.values import INBOX, SEPARATOR

from .parser import Parser

NAME_LIMIT = 4096
"""Octets a mailbox name or a pattern may have on the wire."""
SIMPLE_LIMIT = 2
"""Wildcards up to which a pattern is matched as a regular expression."""
NOT_A_NAME = Status((5, 1, 3), "The mailbox name is not valid modified UTF-7", "CANNOT")

_FIRST_LEVEL = re.compile(rf"\A[^*{SEPARATOR}]+")
_SHIFTED = re.compile("[^\x20-\x7e]+")


def mailbox(parser: Parser) -> str:
    """Take a mailbox name and give it the spelling the store keeps.

    Raises:
        ProtocolError: no astring is here.
        MailframeError: ``CANNOT``: it is not modified UTF-7.
    """
    return canonical(spelt_name(parser))


def spelt_name(parser: Parser) -> str:
    """Take a mailbox name as the client spells it; see `mailbox`."""
    return decode(parser.astring(), parser.utf8)


def decode(octets: bytes, utf8: bool = False) -> str:
    """A name from its modified UTF-7, or from UTF-8 where the client switched that on.

    Raises:
        MailframeError: ``CANNOT``: it is not the one encoding of a name, or too long.
    """
    if len(octets) > NAME_LIMIT:
        raise MailframeError(NOT_A_NAME)
    if utf8:
        try:
            return octets.decode("utf-8")
        except ValueError:
            raise MailframeError(NOT_A_NAME.with_text("The mailbox name is not valid UTF-8")) from None
    try:
        name = _decoded(octets) if b"&" in octets else octets.decode("ascii")
    except ValueError:
        raise MailframeError(NOT_A_NAME) from None
    if encode(name) != octets:
        raise MailframeError(NOT_A_NAME)
    return name


def encode(name: str, utf8: bool = False) -> bytes:
    """A name in modified UTF-7, or in UTF-8 where the client switched that on."""
    if utf8:
        return name.encode("utf-8")
    if "&" in name:
        name = name.replace("&", "&-")
    if name.isascii() and name.isprintable():
        return name.encode("ascii")
    return _SHIFTED.sub(_shifted, name).encode("ascii")


class Pattern:
    """A LIST pattern: ``*`` matches anything, ``%`` anything but the separator.

    Matching many wildcards follows all ways at once, so that no pattern takes longer than its length times the
    name's.

    Args:
        pattern: in Unicode.
    """

    __slots__ = ("_inbox", "_others")

    def __init__(self, pattern: str) -> None:
        self._others = _Wildcards(pattern)
        # INBOX is INBOX in any case (RFC 3501 section 5.1), so ``inb*`` matches it and what is below it.
        self._inbox = _Wildcards(_FIRST_LEVEL.sub(lambda first: first[0].upper(), pattern, count=1))

    def matches(self, name: str) -> bool:
        """Does the whole name match?"""
        wildcards = self._inbox if name.partition(SEPARATOR)[0] == INBOX else self._others
        return wildcards.matches(name)


class _Wildcards:
    """A pattern whose letters mean themselves."""

    __slots__ = ("_pattern", "_simple")

    def __init__(self, pattern: str) -> None:
        self._pattern = re.sub("[*%]+", lambda run: "*" if "*" in run[0] else "%", pattern)
        # A regular expression is some thirty times faster, but with more wildcards it may try too many ways.
        simple = self._pattern.count("*") + self._pattern.count("%") <= SIMPLE_LIMIT
        self._simple = re.compile(_expression(self._pattern), re.DOTALL) if simple else None

    def matches(self, name: str) -> bool:
        """Does the whole name match?"""
        if self._simple is not None:
            return self._simple.fullmatch(name) is not None
        places = self._skip({0})
        for char in name:
            places = self._skip(self._step(places, char))
            if not places:
                return False
        return len(self._pattern) in places

    def _step(self, places: set[int], char: str) -> set[int]:
        pattern, following = self._pattern, set()
        for place in places:
            wanted = pattern[place : place + 1]
            if wanted == "*" or (wanted == "%" and char != SEPARATOR):
                following.add(place)
            elif wanted == char:
                following.add(place + 1)
        return following

    def _skip(self, places: set[int]) -> set[int]:
        """A wildcard may match nothing. Two never stand side by side, so one look is enough."""
        return places | {place + 1 for place in places if self._pattern[place : place + 1] in ("*", "%")}


def _expression(pattern: str) -> str:
    wildcards = {"*": ".*", "%": f"[^{SEPARATOR}]*"}
    return "".join(wildcards.get(char) or re.escape(char) for char in pattern)


def _decoded(octets: bytes) -> str:
    text = octets.decode("ascii")
    first, *shifted = text.split("&")
    pieces = [first]
    for piece in shifted:
        encoded, dash, rest = piece.partition("-")
        if not dash:
            raise ValueError("a shift is not ended")
        pieces.append(_unshifted(encoded) if encoded else "&")
        pieces.append(rest)
    return "".join(pieces)


def _unshifted(encoded: str) -> str:
    padding = "=" * (-len(encoded) % 4)
    octets = binascii.a2b_base64(encoded.replace(",", "/") + padding, strict_mode=True)
    return octets.decode("utf-16-be")


def _shifted(match: re.Match[str]) -> str:
    octets = binascii.b2a_base64(match.group().encode("utf-16-be", "replace"), newline=False)
    return "&" + octets.rstrip(b"=").replace(b"/", b",").decode("ascii") + "-"

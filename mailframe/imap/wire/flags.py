"""Flags as commands name them and as responses show them (RFC 3501 sections 2.3.2 and 9)."""

from __future__ import annotations

import re

from mailframe.store.values import SYSTEM_FLAGS, Flags

from .parser import Parser, bad

RECENT = b"\\Recent"
FLAGS_LIMIT = 256
"""Flags one command may name."""

_FLAG = re.compile(r"\\?[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]+")
_SPELLING = {flag.lower(): flag for flag in SYSTEM_FLAGS}
_ORDER = {
    flag: place for place, flag in enumerate(("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"))
}


def flag(parser: Parser) -> str:
    """Take one flag: a system flag in the RFC's spelling, or a keyword as it was written.

    ``\\Recent`` and system flags nobody knows are refused: no client can set them.
    """
    if not parser.accept(b"\\"):
        return parser.atom().decode("ascii")
    name = "\\" + parser.atom().decode("ascii")
    try:
        return _SPELLING[name.lower()]
    except KeyError:
        raise bad("There is no such system flag, or it cannot be set") from None


def flag_list(parser: Parser) -> Flags:
    """Take a flag-list: ``(\\Seen work)``."""
    parser.expect(b"(")
    if parser.accept(b")"):
        return frozenset()
    found = _flags(parser)
    parser.expect(b")")
    return found


def store_flags(parser: Parser) -> Flags:
    """Take the flags of STORE: a flag-list, or one or more flags without parentheses."""
    return flag_list(parser) if parser.peek() == b"(" else _flags(parser)


def render_flags(flags: Flags, recent: bool = False) -> bytes:
    """A flag list with its parentheses: system flags first, keywords in alphabetical order.

    A keyword that another program left in the store and that is no atom is not shown: it cannot be said in IMAP.
    """
    pieces = [name.encode("ascii") for name in sorted(flags, key=_place) if _FLAG.fullmatch(name)]
    if recent:
        pieces.append(RECENT)
    return b"(" + b" ".join(pieces) + b")"


def _flags(parser: Parser) -> Flags:
    found = {flag(parser)}
    count = 1
    while parser.accept(b" "):
        found.add(flag(parser))
        count += 1
        if count > FLAGS_LIMIT:
            raise bad("Too many flags")
    return frozenset(found)


def _place(name: str) -> tuple[int, str]:
    return _ORDER.get(name, len(_ORDER)), name

"""Annotations on the wire: what GETMETADATA and SETMETADATA say, and METADATA answers (RFC 5464 section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .parser import Parser, bad
from .responses import astring, nstring

ENTRIES_LIMIT = 100
"""Entries one command may name."""
_DEPTHS = {"0": 0, "1": 1, "INFINITY": -1}


@dataclass(frozen=True, slots=True)
class GetOptions:
    """How GETMETADATA wants it.

    Attributes:
        max_size: octets above which values are not wanted; None for all of them.
        depth: as `mailframe.store.interfaces.IMailAccount.metadata` takes it.
    """

    max_size: int | None = None
    depth: int = 0


def get_options(parser: Parser) -> GetOptions:
    """Take ``(MAXSIZE 1024 DEPTH 1)``, either or both.

    Raises:
        ProtocolError: it is not that.
    """
    parser.expect(b"(")
    max_size, depth = None, 0
    seen: set[str] = set()
    while True:
        word = parser.word()
        if word in seen:
            raise bad("An option of GETMETADATA comes twice")
        seen.add(word)
        parser.space()
        if word == "MAXSIZE":
            max_size = parser.number()
        elif word == "DEPTH":
            depth = _depth(parser.word())
        else:
            raise bad("There is no such option of GETMETADATA")
        if parser.accept(b")"):
            return GetOptions(max_size, depth)
        parser.space()


def starts_options(parser: Parser) -> bool:
    """Are options next, and not names of entries?"""
    return parser.starts(b"(MAXSIZE ") or parser.starts(b"(DEPTH ")


def entry_names(parser: Parser) -> tuple[str, ...]:
    """Take one entry name, or a list of them in parentheses; in lower case."""
    if not parser.accept(b"("):
        return (entry_name(parser),)
    names = [entry_name(parser)]
    while parser.accept(b" "):
        names.append(entry_name(parser))
        if len(names) > ENTRIES_LIMIT:
            raise bad("Too many entries")
    parser.expect(b")")
    return tuple(dict.fromkeys(names))


def entry_values(parser: Parser) -> dict[str, bytes | None]:
    """Take ``(/shared/comment "text" /private/color NIL)``."""
    parser.expect(b"(")
    values: dict[str, bytes | None] = {}
    while True:
        name = entry_name(parser)
        parser.space()
        values[name] = parser.literal8() if parser.peek() == b"~" else parser.nstring()
        if len(values) > ENTRIES_LIMIT:
            raise bad("Too many entries")
        if parser.accept(b")"):
            return values
        parser.space()


def entry_name(parser: Parser) -> str:
    """Take one entry name: without wildcards, and in lower case, because case makes no difference."""
    octets = parser.astring()
    if not octets.startswith(b"/") or not octets.isascii() or b"*" in octets or b"%" in octets:
        raise bad("This cannot be the name of an entry")
    return octets.decode("ascii").lower()


def render_entries(values: Iterable[tuple[str, bytes | None]]) -> bytes:
    """Names and values in parentheses, as the METADATA response has them."""
    return b"(%b)" % b" ".join(
        b"%b %b" % (astring(name.encode("ascii")), _value(value)) for name, value in values
    )


def _value(value: bytes | None) -> bytes:
    """nstring, or literal8 where there are NUL octets (RFC 5464 section 5)."""
    return b"~{%d}\r\n%b" % (len(value), value) if value and b"\0" in value else nstring(value)


def _depth(word: str) -> int:
    if word not in _DEPTHS:
        raise bad("DEPTH is 0, 1 or infinity")
    return _DEPTHS[word]

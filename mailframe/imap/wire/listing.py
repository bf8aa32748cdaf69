"""What LIST asks for: selection options, patterns, return options (RFC 5258 section 6, RFC 9051 section 9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .annotations import entry_names
from .parser import Parser, bad

PATTERNS_LIMIT = 100
"""Patterns one LIST may have."""
OPTIONS_LIMIT = 20
"""Options of one kind that one LIST may have."""
SUBSCRIBED, REMOTE, RECURSIVEMATCH, SPECIAL_USE = "SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"
CHILDREN, STATUS, MYRIGHTS, METADATA = "CHILDREN", "STATUS", "MYRIGHTS", "METADATA"
_SELECT = frozenset({SUBSCRIBED, REMOTE, RECURSIVEMATCH, SPECIAL_USE})
_RETURN = frozenset({SUBSCRIBED, CHILDREN, STATUS, SPECIAL_USE, MYRIGHTS, METADATA})

StatusItems = Callable[[Parser], list[str]]
"""Takes the items of STATUS with their parentheses."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One LIST.

    Attributes:
        reference: what stands before each pattern.
        patterns: with wildcards, as they came.
        select: selection options.
        returned: return options.
        status_items: what STATUS shall tell of each mailbox.
        entries: the annotations METADATA shall tell.
        extended: was it written in the extended form?
    """

    reference: bytes
    patterns: tuple[bytes, ...]
    select: frozenset[str] = frozenset()
    returned: frozenset[str] = frozenset()
    status_items: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    extended: bool = False


def listing(parser: Parser, status_items: StatusItems) -> Listing:
    """Take all arguments of LIST.

    Raises:
        ProtocolError: they are not that.
    """
    parser.space()
    extended = parser.peek() == b"("
    select = _selection(parser) if extended else frozenset()
    reference = parser.astring()
    parser.space()
    several = parser.peek() == b"("
    patterns = _patterns(parser) if several else (parser.list_mailbox(),)
    returns = _Returns()
    returning = parser.accept(b" ")
    if returning:
        returns.take(parser, status_items)
    parser.end()
    return Listing(
        reference,
        patterns,
        select,
        frozenset(returns.options),
        returns.status_items,
        returns.entries,
        extended or several or returning,
    )


def _selection(parser: Parser) -> frozenset[str]:
    parser.expect(b"(")
    options: set[str] = set()
    if not parser.accept(b")"):
        options.add(_option(parser, _SELECT))
        while parser.accept(b" "):
            options.add(_option(parser, _SELECT))
        parser.expect(b")")
    parser.space()
    if RECURSIVEMATCH in options and not options & {SUBSCRIBED, SPECIAL_USE}:
        raise bad("RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE beside it")
    return frozenset(options)


def _patterns(parser: Parser) -> tuple[bytes, ...]:
    parser.expect(b"(")
    patterns = [parser.list_mailbox()]
    while parser.accept(b" "):
        patterns.append(parser.list_mailbox())
        if len(patterns) > PATTERNS_LIMIT:
            raise bad("Too many patterns")
    parser.expect(b")")
    return tuple(patterns)


class _Returns:
    """Return options while they are parsed."""

    def __init__(self) -> None:
        self.options: set[str] = set()
        self.status_items: tuple[str, ...] = ()
        self.entries: tuple[str, ...] = ()

    def take(self, parser: Parser, status_items: StatusItems) -> None:
        """``RETURN (...)``."""
        if parser.word() != "RETURN":
            raise bad("Expected RETURN")
        parser.space()
        parser.expect(b"(")
        if parser.accept(b")"):
            return
        self._one(parser, status_items)
        for _ in range(OPTIONS_LIMIT):
            if parser.accept(b")"):
                return
            parser.space()
            self._one(parser, status_items)
        raise bad("Too many return options")

    def _one(self, parser: Parser, status_items: StatusItems) -> None:
        option = _option(parser, _RETURN)
        self.options.add(option)
        if option == STATUS:
            parser.space()
            self.status_items = tuple(status_items(parser))
        elif option == METADATA:
            parser.space()
            self.entries = entry_names(parser)


def _option(parser: Parser, known: frozenset[str]) -> str:
    word = parser.word()
    if word not in known:
        raise bad("There is no such option of LIST")
    return word

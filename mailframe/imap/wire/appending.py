"""What APPEND says between its literals: messages, their flags and dates, and what they are put together from.

Several messages are MULTIAPPEND (RFC 3502), parts of other messages CATENATE (RFC 4469), and ``UTF8 (...)`` is for
messages with UTF-8 in their headers (RFC 9755 section 4).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from mailframe.store.values import Flags

from .dates import date_time
from .flags import flag_list
from .parser import Parser, bad

URLS_LIMIT = 100
"""URLs between two literals of one command."""


class Inside(enum.Enum):
    """What the literal belongs to that stands behind a piece of the command, or stood before it."""

    NOTHING = enum.auto()
    MESSAGE = enum.auto()
    UTF8 = enum.auto()
    CATENATE = enum.auto()


@dataclass(frozen=True, slots=True)
class Begin:
    """Another message begins.

    Attributes:
        flags: it starts with these.
        internal_date: seconds since the epoch, or None for now.
    """

    flags: Flags
    internal_date: int | None


@dataclass(frozen=True, slots=True)
class FromURL:
    """What the URL means is added to the message."""

    url: bytes


Step = Begin | FromURL


def between(parser: Parser, inside: Inside, *, literal: bool) -> tuple[list[Step], Inside]:
    """Take a piece of the command: from the mailbox name, or from a literal, to the next literal or to the end.

    Args:
        parser: stands at the beginning of the piece, which ends where its text ends.
        inside: what the literal before it belongs to; `Inside.NOTHING` behind the mailbox name.
        literal: does a literal follow it?

    Returns:
        What to do, in order, and what the literal behind it belongs to; `Inside.NOTHING` at the end of the command.

    Raises:
        ProtocolError: it is not that.
    """
    return _Piece(parser, literal).take(inside)


class _Piece:
    """One piece while it is parsed."""

    def __init__(self, parser: Parser, literal: bool) -> None:
        self._parser = parser
        self._literal = literal
        self._steps: list[Step] = []

    def take(self, inside: Inside) -> tuple[list[Step], Inside]:
        """See `between`."""
        first = inside is Inside.NOTHING
        if inside is Inside.UTF8:
            self._parser.expect(b")")
        elif inside is Inside.CATENATE and not self._parts(first=False):
            return self._steps, Inside.CATENATE
        while first or not self._parser.at_end:
            first = False
            self._parser.space()
            belongs = self._message()
            if belongs is not Inside.NOTHING:
                return self._steps, belongs
        if self._literal:
            raise bad("A literal stands where none can be")
        return self._steps, Inside.NOTHING

    def _message(self) -> Inside:
        """A message up to its first literal; `Inside.NOTHING` where it needs none."""
        parser = self._parser
        flags: Flags = frozenset()
        internal_date = None
        if parser.peek() == b"(":
            flags = flag_list(parser)
            parser.space()
        if parser.peek() == b'"':
            internal_date = date_time(parser)
            parser.space()
        self._steps.append(Begin(flags, internal_date))
        if parser.at_end and self._literal:
            return Inside.MESSAGE
        word = parser.word() if not parser.at_end else ""
        if word == "UTF8":
            parser.space()
            parser.expect(b"(")
            self._at_literal()
            return Inside.UTF8
        if word == "CATENATE":
            parser.space()
            parser.expect(b"(")
            return Inside.NOTHING if self._parts(first=True) else Inside.CATENATE
        raise bad("APPEND needs a mailbox and a message as literal")

    def _parts(self, *, first: bool) -> bool:
        """Parts of CATENATE; True when it is over, False at a literal."""
        parser = self._parser
        while first or not parser.accept(b")"):
            if not first:
                parser.space()
            first = False
            word = parser.word()
            parser.space()
            if word == "TEXT":
                self._at_literal()
                return False
            if word != "URL":
                raise bad("A part is TEXT or URL")
            self._steps.append(FromURL(parser.astring()))
            if len(self._steps) > URLS_LIMIT:
                raise bad("Too many URLs")
        return True

    def _at_literal(self) -> None:
        if not (self._parser.at_end and self._literal):
            raise bad("Expected a literal")

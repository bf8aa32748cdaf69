"""What a search is to return, and how it is told: ``RETURN (...)`` and ESEARCH (RFC 4466 section 2.6, RFC 4731).

SAVE is RFC 5182, PARTIAL is RFC 9394, CONTEXT and UPDATE are RFC 5267, what UPDATE fetches is RFC 5465. SORT returns
the same (RFC 5267).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .fetching import Attribute, fetch_attributes
from .parser import Parser, bad
from .responses import quoted
from .sequences import render_set

OPTIONS = frozenset({"MIN", "MAX", "ALL", "COUNT", "SAVE", "CONTEXT", "UPDATE"})
"""Options without arguments."""


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a result: from place to place, both of them in it, counted from 1 (RFC 9394).

    Attributes:
        first, last: places, in any order; both negative where they are counted from the end.
    """

    first: int
    last: int

    def of(self, found: Sequence[int]) -> Sequence[int]:
        """The piece of a result."""
        low, high = sorted((self.first, self.last))
        if low < 0:
            count = len(found)
            low, high = count + low + 1, count + high + 1
        return found[max(low, 1) - 1 : max(high, 0)]

    def __bytes__(self) -> bytes:
        """As the client wrote it."""
        return b"%d:%d" % (self.first, self.last)


@dataclass(frozen=True, slots=True)
class Returns:
    """Return options.

    Attributes:
        options: some of `OPTIONS`.
        page: the argument of PARTIAL, or None.
        attributes: the argument of UPDATE: what is wanted of messages that come in (RFC 5465 section 7).
    """

    options: frozenset[str]
    page: Page | None = None
    attributes: tuple[Attribute, ...] = ()

    @property
    def saves(self) -> bool:
        """Is ``$`` set?"""
        return "SAVE" in self.options

    @property
    def silent(self) -> bool:
        """Is nothing told, but only saved (RFC 5182 section 2.1)?"""
        return self.page is None and self.saves and self.options <= {"SAVE", "CONTEXT", "UPDATE"}

    @property
    def updates(self) -> bool:
        """Is the client to hear of changes of the result?"""
        return "UPDATE" in self.options

    def meant(self, found: Sequence[int]) -> Sequence[int]:
        """Those of a result that the options speak of: they are saved, and theirs is the highest MODSEQ.

        All of them where ALL or COUNT is wanted or none of MIN, MAX and PARTIAL; else the smallest, the
        largest and those of the page, as wanted (RFC 5182 section 2.4, RFC 7162 section 3.1.10, RFC 9394).
        """
        part = self.page is not None or self.options & {"MIN", "MAX"}
        if not part or self.options & {"ALL", "COUNT"}:
            return found
        chosen = set(self.page.of(found)) if self.page is not None else set()
        if "MIN" in self.options:
            chosen.update(found[:1])
        if "MAX" in self.options:
            chosen.update(found[-1:])
        return sorted(chosen)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found, for searches of several mailboxes (RFC 7377).

    Attributes:
        mailbox: its name, as it is sent.
        uidvalidity: its UIDVALIDITY.
    """

    mailbox: bytes
    uidvalidity: int


def return_options(parser: Parser) -> Returns | None:
    """Take ``RETURN (...)`` and the space behind it if they are next.

    Raises:
        ProtocolError: an option is not known, or they do not go together.
    """
    if not parser.accept_word("RETURN"):
        return None
    parser.space()
    parser.expect(b"(")
    options: set[str] = set()
    page = None
    attributes: tuple[Attribute, ...] = ()
    while not parser.accept(b")"):
        if options or page is not None:
            parser.space()
        word = parser.word()
        if word in OPTIONS:
            options.add(word)
            if word == "UPDATE" and parser.starts(b" ("):
                parser.space()
                attributes = fetch_attributes(parser)
        elif word == "PARTIAL" and page is None:
            parser.space()
            page = partial_range(parser)
        else:
            raise bad("There is no such return option")
    if page is not None and "ALL" in options:
        raise bad("Either ALL or PARTIAL")
    if not options and page is None:
        options.add("ALL")
    parser.space()
    return Returns(frozenset(options), page, attributes)


def partial_range(parser: Parser) -> Page:
    """Take a partial-range: ``1:100``, or ``-1:-100`` from the end."""
    negative = parser.accept(b"-")
    first = parser.nz_number()
    parser.expect(b":")
    if negative:
        parser.expect(b"-")
    last = parser.nz_number()
    return Page(-first, -last) if negative else Page(first, last)


def context_update(tag: bytes, word: bytes, numbers: Sequence[int], *, by_uid: bool) -> bytes:
    """An ESEARCH response that tells how a result has changed (RFC 5267 section 4.3).

    Args:
        tag: of the search.
        word: ADDTO or REMOVEFROM.
        numbers: message sequence numbers or UIDs, ascending. The client orders them; hence the place 0.
    """
    uid = b" UID" if by_uid else b""
    return b"* ESEARCH (TAG %b)%b %b (0 %b)\r\n" % (quoted(tag), uid, word, render_set(numbers))


def esearch(
    tag: bytes,
    returns: Returns,
    found: Sequence[int],
    *,
    by_uid: bool,
    modseq: int | None = None,
    place: Place | None = None,
) -> bytes:
    """An ESEARCH response, whole.

    Args:
        tag: of the command it answers.
        found: message sequence numbers or UIDs, ascending.
        by_uid: which of them.
        modseq: the highest of those `Returns.meant`, where it was asked for.
        place: the mailbox, where there may be several.
    """
    where = b"" if place is None else b" MAILBOX %b UIDVALIDITY %d" % (place.mailbox, place.uidvalidity)
    pieces = [b"* ESEARCH (TAG %b%b)" % (quoted(tag), where)]
    if by_uid:
        pieces.append(b"UID")
    if found and "MIN" in returns.options:
        pieces.append(b"MIN %d" % found[0])
    if found and "MAX" in returns.options:
        pieces.append(b"MAX %d" % found[-1])
    if "COUNT" in returns.options:
        pieces.append(b"COUNT %d" % len(found))
    if found and "ALL" in returns.options:
        pieces.append(b"ALL " + render_set(found))
    if returns.page is not None:
        piece = returns.page.of(found)
        pieces.append(b"PARTIAL (%b %b)" % (bytes(returns.page), render_set(piece) if piece else b"NIL"))
    if modseq:
        pieces.append(b"MODSEQ %d" % modseq)
    return b" ".join(pieces) + b"\r\n"

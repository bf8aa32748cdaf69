"""Mod-sequences on the wire: parameters of SELECT, and VANISHED (RFC 7162 section 7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .parser import Parser, bad
from .sequences import LARGEST, Ranges, SequenceSet, merged, sequence_set

EVERYTHING: Ranges = ((1, 2**32 - 1),)


@dataclass(frozen=True, slots=True)
class Known:
    """What a client knows of a mailbox that it selects again.

    Attributes:
        uidvalidity: the UIDVALIDITY it was.
        modseq: the state that it knows.
        uids: those it knows.
        numbered: are there message sequence numbers in it?
    """

    uidvalidity: int
    modseq: int
    uids: Ranges = EVERYTHING
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class SelectParameters:
    """What stands behind the name of the mailbox.

    Attributes:
        condstore: CONDSTORE is there.
        known: the arguments of QRESYNC.
    """

    condstore: bool = False
    known: Known | None = None


def select_parameters(parser: Parser) -> SelectParameters:
    """Take the parameters of SELECT with the space in front of them, if there are any.

    Raises:
        ProtocolError: they are not that.
    """
    if not parser.accept(b" "):
        return SelectParameters()
    parser.expect(b"(")
    condstore, known = False, None
    while True:
        word = parser.word()
        if word == "CONDSTORE" and not condstore:
            condstore = True
        elif word == "QRESYNC" and known is None:
            parser.space()
            known = _known(parser)
        else:
            raise bad("There is no such parameter of SELECT")
        if parser.accept(b")"):
            return SelectParameters(condstore, known)
        parser.space()


def mod_sequence(parser: Parser) -> int:
    """mod-sequence-value: 1 to 2**63 - 1."""
    value = parser.number64()
    if not value:
        raise bad("A mod-sequence is not zero")
    return value


def vanished(uids: Ranges, earlier: bool = False) -> bytes:
    """The VANISHED response for some UIDs, whole; nothing for none."""
    if not uids:
        return b""
    pieces = [b"%d" % first if first == last else b"%d:%d" % (first, last) for first, last in uids]
    return b"* VANISHED %b%b\r\n" % (b"(EARLIER) " if earlier else b"", b",".join(pieces))


def within(ranges: Iterable[tuple[int, int]], bounds: Ranges) -> Ranges:
    """What of some ranges is within others; both ascending."""
    found = []
    at = 0
    for first, last in ranges:
        while at < len(bounds) and bounds[at][1] < first:
            at += 1
        place = at
        while place < len(bounds) and bounds[place][0] <= last:
            low, high = bounds[place]
            found.append((max(first, low), min(last, high)))
            place += 1
    return merged(found)


def without(ranges: Iterable[tuple[int, int]], others: Ranges) -> Ranges:
    """What of some ranges is not within others; both ascending."""
    found = []
    at = 0
    for first, last in ranges:
        while at < len(others) and others[at][1] < first:
            at += 1
        place = at
        while place < len(others) and others[place][0] <= last:
            low, high = others[place]
            if first < low:
                found.append((first, low - 1))
            first = high + 1
            place += 1
        if first <= last:
            found.append((first, last))
    return merged(found)


def _known(parser: Parser) -> Known:
    parser.expect(b"(")
    uidvalidity = parser.nz_number()
    parser.space()
    modseq = mod_sequence(parser)
    uids, numbered = EVERYTHING, False
    if parser.accept(b" "):
        if parser.peek() != b"(":
            uids = _certain(sequence_set(parser))
            numbered = parser.accept(b" ")
        else:
            numbered = True
        if numbered:
            # What was at which number helps servers that forget what was expunged. This one does not need it.
            _match_data(parser)
    parser.expect(b")")
    return Known(uidvalidity, modseq, uids, numbered)


def _match_data(parser: Parser) -> None:
    parser.expect(b"(")
    _certain(sequence_set(parser))
    parser.space()
    _certain(sequence_set(parser))
    parser.expect(b")")


def _certain(wanted: SequenceSet) -> Ranges:
    if wanted.saved or any(LARGEST in pair for pair in wanted.ranges):
        raise bad("What is known has neither '*' nor '$'")
    return merged((min(pair), max(pair)) for pair in wanted.ranges)

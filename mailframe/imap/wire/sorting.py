"""The sort program of SORT, and what THREAD asks for (RFC 5256 section 5, RFC 5957)."""

from __future__ import annotations

from dataclasses import dataclass

from .parser import Parser, bad

CRITERIA = frozenset({"ARRIVAL", "CC", "DATE", "DISPLAYFROM", "DISPLAYTO", "FROM", "SIZE", "SUBJECT", "TO"})
CRITERIA_LIMIT = 20
"""Criteria one SORT may have."""
ALGORITHMS = ("ORDEREDSUBJECT", "REFERENCES", "REFS")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion.

    Attributes:
        name: one of `CRITERIA`.
        reverse: the other way round.
    """

    name: str
    reverse: bool = False


def sort_criteria(parser: Parser) -> tuple[Criterion, ...]:
    """Take ``(REVERSE DATE SUBJECT)``.

    Raises:
        ProtocolError: it is not that.
    """
    parser.expect(b"(")
    found: list[Criterion] = []
    while True:
        word = parser.word()
        reverse = word == "REVERSE"
        if reverse:
            parser.space()
            word = parser.word()
        if word not in CRITERIA:
            raise bad("There is no such sort criterion")
        found.append(Criterion(word, reverse))
        if len(found) > CRITERIA_LIMIT:
            raise bad("Too many sort criteria")
        if parser.accept(b")"):
            return tuple(found)
        parser.space()


def algorithm(parser: Parser) -> str:
    """Take the name of a threading algorithm.

    Raises:
        ProtocolError: there is no such.
    """
    word = parser.word()
    if word not in ALGORITHMS:
        raise bad("There is no such threading algorithm")
    return word

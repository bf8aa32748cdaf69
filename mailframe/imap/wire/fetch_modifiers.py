"""Modifiers of FETCH, behind its items (RFC 4466 section 2.4): PARTIAL (RFC 9394)."""

from __future__ import annotations

from dataclasses import dataclass

from .parser import Parser, bad
from .returns import Page, partial_range


@dataclass(frozen=True, slots=True)
class Modifiers:
    """What restricts a FETCH.

    Attributes:
        page: the piece of the messages named that is wanted, or None for all.
    """

    page: Page | None = None


def fetch_modifiers(parser: Parser, by_uid: bool) -> Modifiers:
    """Take the modifiers with the space in front of them, if there are any.

    Raises:
        ProtocolError: one is not known, comes twice, or is not one of FETCH without UID.
    """
    if not parser.accept(b" "):
        return Modifiers()
    parser.expect(b"(")
    page = None
    while True:
        if parser.word() != "PARTIAL" or page is not None or not by_uid:
            raise bad("There is no such fetch modifier")
        parser.space()
        page = partial_range(parser)
        if parser.accept(b")"):
            return Modifiers(page)
        parser.space()

"""Modifiers of FETCH, behind its items (RFC 4466 section 2.4): PARTIAL (RFC 9394), CHANGEDSINCE (RFC 7162)."""

from __future__ import annotations

from dataclasses import dataclass

from .parser import Parser, bad
from .resync import mod_sequence
from .returns import Page, partial_range


@dataclass(frozen=True, slots=True)
class Modifiers:
    """What restricts a FETCH.

    Attributes:
        page: the piece of the messages named that is wanted, or None for all.
        changed_since: only messages that changed after this modseq; None for all.
        vanished: tell which of the UIDs were expunged since.
    """

    page: Page | None = None
    changed_since: int | None = None
    vanished: bool = False


def fetch_modifiers(parser: Parser, by_uid: bool) -> Modifiers:
    """Take the modifiers with the space in front of them, if there are any.

    Raises:
        ProtocolError: one is not known, comes twice, or is not one of FETCH without UID.
    """
    if not parser.accept(b" "):
        return Modifiers()
    parser.expect(b"(")
    page, since, vanished = None, None, False
    while True:
        word = parser.word()
        if word == "PARTIAL" and page is None and by_uid:
            parser.space()
            page = partial_range(parser)
        elif word == "CHANGEDSINCE" and since is None:
            parser.space()
            since = mod_sequence(parser)
        elif word == "VANISHED" and not vanished and by_uid:
            vanished = True
        else:
            raise bad("There is no such fetch modifier")
        if parser.accept(b")"):
            break
        parser.space()
    if vanished and since is None:
        raise bad("VANISHED needs CHANGEDSINCE beside it")
    return Modifiers(page, since, vanished)

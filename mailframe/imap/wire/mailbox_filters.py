"""Which mailboxes a command is about: filter-mailboxes (RFC 5465 section 6, RFC 7377 section 2.2)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .mailboxes import mailbox
from .parser import Parser, bad

NAMES_LIMIT = 1000
"""Names that one command may have."""
SELECTED = "SELECTED"
INBOXES, PERSONAL, SUBSCRIBED = "INBOXES", "PERSONAL", "SUBSCRIBED"
SUBTREE, SUBTREE_ONE, MAILBOXES = "SUBTREE", "SUBTREE-ONE", "MAILBOXES"
WITHOUT_NAMES = frozenset({SELECTED, INBOXES, PERSONAL, SUBSCRIBED})
WITH_NAMES = frozenset({SUBTREE, SUBTREE_ONE, MAILBOXES})


@dataclass(frozen=True, slots=True)
class MailboxFilter:
    """One filter.

    Attributes:
        word: in upper case: ``"PERSONAL"``, ``"SUBTREE"``.
        names: those of a filter that has any.
    """

    word: str
    names: tuple[str, ...] = ()


def mailbox_filter(parser: Parser, words: Collection[str] = WITHOUT_NAMES | WITH_NAMES) -> MailboxFilter:
    """Take one filter.

    Args:
        words: the filters that may be here.

    Raises:
        ProtocolError: it is not one of them.
        MailframeError: ``CANNOT``: a name is not one.
    """
    word = parser.word()
    if word not in words:
        raise bad("There is no such mailbox filter")
    if word not in WITH_NAMES:
        return MailboxFilter(word)
    parser.space()
    return MailboxFilter(word, tuple(_names(parser)))


def sources(parser: Parser) -> tuple[MailboxFilter, ...]:
    """Take ``IN (...)`` and the space behind it if they are next; without them it is the selected mailbox.

    Raises:
        ProtocolError: a filter, or an option of scope, is not known.
        MailframeError: ``CANNOT``: a name is not one.
    """
    if not parser.accept_word("IN"):
        return (MailboxFilter(SELECTED),)
    parser.space()
    parser.expect(b"(")
    found = [mailbox_filter(parser)]
    while parser.accept(b" "):
        if parser.peek() == b"(":
            raise bad("There are no options of scope")
        found.append(mailbox_filter(parser))
        if sum(len(each.names) for each in found) > NAMES_LIMIT or len(found) > NAMES_LIMIT:
            raise bad("Too many mailboxes are named")
    parser.expect(b")")
    parser.space()
    return tuple(found)


def _names(parser: Parser) -> Iterable[str]:
    if not parser.accept(b"("):
        return [mailbox(parser)]
    found = [mailbox(parser)]
    while parser.accept(b" "):
        found.append(mailbox(parser))
        if len(found) > NAMES_LIMIT:
            raise bad("Too many mailboxes are named")
    parser.expect(b")")
    return found

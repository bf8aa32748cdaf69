"""What NOTIFY asks for (RFC 5465 section 8)."""

from __future__ import annotations

from dataclasses import dataclass

from .fetching import Attribute, fetch_attributes
from .mailbox_filters import (
    INBOXES,
    MAILBOXES,
    NAMES_LIMIT,
    PERSONAL,
    SELECTED,
    SUBSCRIBED,
    SUBTREE,
    MailboxFilter,
    mailbox_filter,
)
from .parser import Parser, bad

SELECTED_DELAYED = "SELECTED-DELAYED"
GROUPS_LIMIT = 50
"""Event groups that one NOTIFY may have."""

MESSAGE_NEW, MESSAGE_EXPUNGE, FLAG_CHANGE = "MESSAGENEW", "MESSAGEEXPUNGE", "FLAGCHANGE"
MAILBOX_NAME, SUBSCRIPTION_CHANGE = "MAILBOXNAME", "SUBSCRIPTIONCHANGE"
MAILBOX_METADATA, SERVER_METADATA = "MAILBOXMETADATACHANGE", "SERVERMETADATACHANGE"
ANNOTATION_CHANGE = "ANNOTATIONCHANGE"
SUPPORTED = (
    "MessageNew",
    "MessageExpunge",
    "FlagChange",
    "MailboxName",
    "SubscriptionChange",
    "MailboxMetadataChange",
    "ServerMetadataChange",
)
"""As they are told with ``BADEVENT``."""
ABOUT_MESSAGES = frozenset({MESSAGE_NEW, MESSAGE_EXPUNGE, FLAG_CHANGE})
_KNOWN = frozenset(word.upper() for word in SUPPORTED)
_OTHERS = frozenset({INBOXES, PERSONAL, SUBSCRIBED, SUBTREE, MAILBOXES})


@dataclass(frozen=True, slots=True)
class EventGroup:
    """What somebody wants to hear of some mailboxes.

    Attributes:
        filter: which mailboxes; of the words SELECTED and `SELECTED_DELAYED` there is one at most.
        events: in upper case; none for NONE.
        attributes: what is wanted of new messages in the selected mailbox.
    """

    filter: MailboxFilter
    events: frozenset[str]
    attributes: tuple[Attribute, ...] = ()

    @property
    def is_selected(self) -> bool:
        """Is it about the selected mailbox?"""
        return self.filter.word in (SELECTED, SELECTED_DELAYED)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What NOTIFY SET asks for.

    Attributes:
        status: is the present state wanted, too?
        groups: in their order; for a mailbox that one with NONE is about, those behind it do not count.
        unknown: events that nobody can be told of; then nothing is set (``BADEVENT``).
    """

    status: bool
    groups: tuple[EventGroup, ...]
    unknown: frozenset[str] = frozenset()


def wishes(parser: Parser) -> Wishes | None:
    """Take the arguments of NOTIFY; None for NONE.

    Raises:
        ProtocolError: they are not what they should be.
        MailframeError: ``CANNOT``: a name is not one.
    """
    word = parser.word()
    if word == "NONE":
        return None
    if word != "SET":
        raise bad("NOTIFY is followed by SET or NONE")
    parser.space()
    status = parser.accept_word("STATUS")
    if status:
        parser.space()
    unknown: set[str] = set()
    groups = [_group(parser, unknown)]
    while parser.accept(b" "):
        groups.append(_group(parser, unknown))
        if len(groups) > GROUPS_LIMIT or sum(len(each.filter.names) for each in groups) > NAMES_LIMIT:
            raise bad("Too many event groups")
    if sum(each.is_selected for each in groups) > 1:
        raise bad("The selected mailbox is there twice")
    return Wishes(status, tuple(groups), frozenset(unknown))


def _group(parser: Parser, unknown: set[str]) -> EventGroup:
    parser.expect(b"(")
    chosen = mailbox_filter(parser, _OTHERS | {SELECTED, SELECTED_DELAYED})
    parser.space()
    events: set[str] = set()
    attributes: tuple[Attribute, ...] = ()
    if not parser.accept_word("NONE"):
        parser.expect(b"(")
        attributes = _event(parser, events)
        while parser.accept(b" "):
            attributes = _event(parser, events) or attributes
        parser.expect(b")")
    parser.expect(b")")
    group = EventGroup(chosen, frozenset(events & _KNOWN), attributes)
    unknown |= events - _KNOWN
    _check(group, events)
    return group


def _event(parser: Parser, events: set[str]) -> tuple[Attribute, ...]:
    word = parser.word()
    events.add(word)
    if word == MESSAGE_NEW and parser.starts(b" ("):
        parser.space()
        return fetch_attributes(parser)
    return ()


def _check(group: EventGroup, events: set[str]) -> None:
    """Which events go together (RFC 5465 section 5)."""
    if (MESSAGE_NEW in events) != (MESSAGE_EXPUNGE in events):
        raise bad("MessageNew and MessageExpunge go together")
    if events & {FLAG_CHANGE, ANNOTATION_CHANGE} and MESSAGE_NEW not in events:
        raise bad("FlagChange and AnnotationChange need MessageNew and MessageExpunge")
    if group.attributes and not group.is_selected:
        raise bad("Attributes to fetch are for the selected mailbox")
    if group.is_selected and events - ABOUT_MESSAGES - {ANNOTATION_CHANGE}:
        raise bad("Of the selected mailbox there are events about messages only")

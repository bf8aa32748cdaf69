"""What the store speaks of: flags, mailboxes, messages, changes. Values only, no I/O."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mailframe.message.content import Content

INBOX = "INBOX"
SEPARATOR = "/"
"""The hierarchy separator of mailbox names, whatever the backend's own layout uses."""

NAMES, ANYTHING = "", "*"
"""What a hint may be about beside a MAILBOXID; see `mailframe.store.interfaces.IHints.listen_account`."""

# System flags as they are written (RFC 9051 section 2.3.2); keywords are strings without a backslash.
SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = (
    "\\Seen",
    "\\Answered",
    "\\Flagged",
    "\\Deleted",
    "\\Draft",
)
SYSTEM_FLAGS = frozenset({SEEN, ANSWERED, FLAGGED, DELETED, DRAFT})
Flags = frozenset[str]
"""Flags of one message. ``\\Recent`` is never among them: it belongs to a session, not to a message."""

SPECIAL_USES = frozenset({"\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash"})
"""RFC 6154 section 2."""


class FlagChange(enum.Enum):
    """How STORE changes flags (RFC 9051 section 6.4.6)."""

    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"


class Item(enum.Flag):
    """What `IMailbox.fetch` is asked for; cheaper items cost no more than a row of the catalogue."""

    FLAGS = enum.auto()
    """``flags`` and ``modseq``."""
    DATE = enum.auto()
    """``internal_date``."""
    SIZE = enum.auto()
    """``size``."""
    IDENTITY = enum.auto()
    """``email_id``, ``thread_id`` and ``save_date``."""
    UIDL = enum.auto()
    """``uidl``."""
    ENVELOPE = enum.auto()
    """``description.envelope``; any of these three may read the content once and remember the answer."""
    BODYSTRUCTURE = enum.auto()
    """``description.bodystructure`` and ``description.body``."""
    PREVIEW = enum.auto()
    """``preview``: read from the content once, and remembered."""
    PARTS = enum.auto()
    """``description.parts``: where each MIME part lies."""
    SORT_KEYS = enum.auto()
    """``sort_keys``: read from the header section once, and remembered."""


DESCRIPTION_ITEMS = Item.ENVELOPE | Item.BODYSTRUCTURE | Item.PARTS


class Description(NamedTuple):
    """A message's content, described once and kept: bytes ready for IMAP, and offsets of its parts.

    Attributes:
        envelope: ENVELOPE as IMAP sends it, parentheses included (RFC 9051 section 7.5.2).
        bodystructure: BODYSTRUCTURE with extension data.
        body: BODY, without extension data.
        parts: the structure with offsets, packed; `mailframe.message.structure` reads it.
    """

    envelope: bytes
    bodystructure: bytes
    body: bytes
    parts: bytes


Describe = Callable[[Iterable[bytes]], Description]
"""Describes a message from its octets (CRLF line ends) given in pieces. Roles hand one to a store, so that
the store keeps what IMAP answers with without knowing IMAP. Pure, and called in the store's threads."""


class Message(NamedTuple):
    """One message of a mailbox, as asked for; what was not asked for may be None or empty.

    A tuple, since answers have ten thousands of them: 0.3 us to make one, where a frozen dataclass takes 1.8.

    Attributes:
        uid: its unique identifier, 1 to 2**32 - 1.
        flags: its flags and keywords.
        modseq: when it last changed (RFC 7162).
        internal_date: seconds since the epoch, UTC.
        size: octets with CRLF line ends.
        email_id, thread_id: RFC 8474 object ids.
        save_date: seconds since the epoch when it came into this mailbox (RFC 8514).
        preview: what it begins with (RFC 8970); None where it was not asked for.
        description: see `Description`; fields that were not asked for may be empty.
        sort_keys: what SORT and THREAD go by, packed (`mailframe.message.sort_keys`), where it was asked for.
        uidl: what POP3 calls it (RFC 1939 section 7), where another server has given it a name; else "".
    """

    uid: int
    flags: Flags = frozenset()
    modseq: int = 0
    internal_date: int = 0
    size: int = 0
    email_id: str = ""
    thread_id: str = ""
    save_date: int = 0
    description: Description | None = None
    uidl: str = ""
    preview: str | None = None
    sort_keys: bytes | None = None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that comes into a mailbox by delivery or APPEND.

    Attributes:
        content: its octets; still the caller's to discard, after the store has answered.
        flags: the flags it starts with.
        internal_date: seconds since the epoch, UTC.
        queue_id: names it in the log.
    """

    content: Content
    flags: Flags = frozenset()
    internal_date: int = 0
    queue_id: str = ""


@dataclass(frozen=True, slots=True)
class TakenMailbox:
    """What a mailbox is called and counts elsewhere, for `IMailAccount.take_over`.

    Attributes:
        uidvalidity: its UIDVALIDITY; 0 for whatever the mailbox here has.
        uidnext: the next UID is at least this afterwards; 0 while more messages with UIDs are to come.
        highestmodseq: RFC 7162; at least this afterwards.
        mailbox_id: RFC 8474 MAILBOXID; "" for a new one.
        special_use: one of `SPECIAL_USES`, or None.
    """

    uidvalidity: int = 0
    uidnext: int = 0
    highestmodseq: int = 0
    mailbox_id: str = ""
    special_use: str | None = None


@dataclass(frozen=True, slots=True)
class TakenMessage:
    """A message with the identity it has elsewhere, for `IMailAccount.take_over`.

    Attributes:
        content: its octets; still the caller's to discard. None for a message that is there already.
        uid: its UID; 0 for the next one.
        flags: its flags and keywords.
        internal_date: seconds since the epoch, UTC; 0 for now.
        modseq: RFC 7162; 0 for a new one.
        save_date: seconds since the epoch (RFC 8514); 0 for now.
        email_id, thread_id: RFC 8474 object ids; "" for new ones.
        uidl: what POP3 called it (RFC 1939 section 7); "" for what this store calls it.
    """

    content: Content | None
    uid: int = 0
    flags: Flags = frozenset()
    internal_date: int = 0
    modseq: int = 0
    save_date: int = 0
    email_id: str = ""
    thread_id: str = ""
    uidl: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one account's mailbox."""

    account: str
    message: NewMessage
    mailbox: str = INBOX


@dataclass(frozen=True, slots=True)
class MailboxEntry:
    """One mailbox name in the list of an account.

    Attributes:
        name: full name in Unicode, `SEPARATOR` between levels; INBOX in capitals.
        mailbox_id: RFC 8474 MAILBOXID, "" for a name that is not a mailbox.
        selectable: False for a name that only has inferiors (``\\NonExistent``).
        subscribed: is it on the subscription list (LSUB)?
        special_use: one of `SPECIAL_USES`, or None.
    """

    name: str
    mailbox_id: str = ""
    selectable: bool = True
    subscribed: bool = False
    special_use: str | None = None


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """The figures of one mailbox, as STATUS gives them (RFC 9051 section 6.3.11).

    Attributes:
        recent: messages no session has been told of as ``\\Recent`` yet.
        size: octets of all messages (RFC 8438).
        highestmodseq: RFC 7162; at least 1.
    """

    messages: int
    recent: int
    uidnext: int
    uidvalidity: int
    unseen: int
    deleted: int
    size: int
    highestmodseq: int
    mailbox_id: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A mailbox at one moment, as a session needs it when it selects.

    Attributes:
        uids: all UIDs, ascending.
        recent: UIDs that are ``\\Recent`` for this session; when it may write, no later session gets them.
        first_unseen: UID of the first message without ``\\Seen``, or None.
        keywords: keywords in use.
        uidnext, modseq: as in `MailboxStatus`; `changes` goes on from this ``modseq``.
    """

    uids: Sequence[int]
    recent: frozenset[int]
    first_unseen: int | None
    keywords: frozenset[str]
    uidnext: int
    modseq: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened in a mailbox since a modseq.

    Attributes:
        modseq: the state these changes lead to; ask again from here.
        messages: messages that came or whose flags changed, UIDs ascending, with `flags` and ``modseq``.
        vanished: UIDs expunged since, ascending; may name UIDs that also came since.
        recent: those of the new messages that are ``\\Recent`` for this session.
        uidnext: the next UID; messages with a UID below the one last seen are not new.
    """

    modseq: int
    messages: Sequence[Message]
    vanished: Sequence[int]
    recent: frozenset[int]
    uidnext: int


@dataclass(frozen=True, slots=True)
class Appended:
    """Where messages went: APPENDUID (RFC 9051 section 7.1). ``uids`` in the order of the messages."""

    uidvalidity: int
    uids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Copied:
    """COPYUID: ``source`` and ``target`` go in pairs, ``source`` ascending."""

    uidvalidity: int
    source: Sequence[int]
    target: Sequence[int]


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a change of flags.

    Attributes:
        messages: every message asked for that exists, UIDs ascending, with `flags` and ``modseq`` as they are now.
        failed: UIDs left alone because they changed after ``unchanged_since`` (RFC 7162 section 3.1.3).
        modseq: the mailbox's state after the change.
        changed: flags did change, all at once, and ``modseq`` is of this change. Whoever knew the state one before it
            knows this one, too, and need not ask for changes.
    """

    messages: Sequence[Message]
    failed: Sequence[int]
    modseq: int
    changed: bool = False


@dataclass(frozen=True, slots=True)
class KeptMailbox:
    """Mail that was expunged and can be had back.

    Attributes:
        name: the mailbox that it was expunged from.
        messages, octets: how much there is.
        since: when the first of it was expunged, seconds since the epoch.
    """

    name: str
    messages: int
    octets: int
    since: int


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one message's octets (CRLF line ends). ``length`` None means to the end."""

    uid: int
    offset: int = 0
    length: int | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """UIDs that match, ascending, and the highest modseq among them (0 where none match)."""

    uids: Sequence[int] = field(default_factory=tuple)
    modseq: int = 0

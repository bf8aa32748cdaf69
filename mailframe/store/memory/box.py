"""One mailbox in memory: rows, numbers and changes. Plain Python, no sessions.

Everything here is one step: a method either raises before it changed anything or does all of its work, so the
store above needs no transactions.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailframe.message.preview import preview
from mailframe.message.scanner import scan
from mailframe.message.sort_keys import pack, sort_keys
from mailframe.message.status import MailframeError
from mailframe.store import flags as flag_rules
from mailframe.store.identity import object_id
from mailframe.store.quota import Limit, Usage
from mailframe.store.threads import MemoryThreads, thread_of
from mailframe.store.uid_runs import UIDRuns, runs
from mailframe.store.values import (
    DELETED,
    DESCRIPTION_ITEMS,
    SEEN,
    SYSTEM_FLAGS,
    Describe,
    Description,
    FlagChange,
    Flags,
    Item,
    MailboxStatus,
    Message,
    NewMessage,
    Stored,
    TakenMessage,
)

from .sharing import Sharing

VANISHED_LIMIT = 100_000
"""Expunged UIDs remembered of one mailbox, as with stores that keep them on a disk."""


def new_object_id(kind: str) -> str:
    """An object id of RFC 8474: a letter that says of what, and 80 random bits."""
    return kind + secrets.token_hex(10)


@dataclass(slots=True)
class Row:
    """One message at rest.

    Attributes:
        octets: the whole message with CRLF line ends.
        description: kept after it was asked for once.
    """

    octets: bytes
    flags: Flags
    internal_date: int
    save_date: int
    email_id: str
    thread_id: str = ""
    uid: int = 0
    modseq: int = 0
    description: Description | None = None
    uidl: str = ""


def usage_of(rows: Collection[Row]) -> Usage:
    """How much these are."""
    return Usage(sum(len(row.octets) for row in rows), len(rows))


@dataclass(slots=True)
class Box:
    """A mailbox with its messages; a session holds on to it while it is renamed.

    Attributes:
        modseq: the highest there was; grows by one with each change, however many messages it touches.
        first_recent: messages from this UID on have not been told to any session as ``\\Recent``.
        keywords: lower case to the spelling first used.
        gone: True after it was deleted.
        vanished_from: expunged UIDs are known for every modseq above this.
        sharing: its rights and annotations.
        own: how much the owner lets it hold.
        threads: the account's.
    """

    name: str
    uidvalidity: int
    special_use: str | None = None
    keywords_limit: int = flag_rules.KEYWORDS_LIMIT
    mailbox_id: str = field(default_factory=lambda: new_object_id("F"))
    uidnext: int = 1
    modseq: int = 1
    first_recent: int = 1
    keywords: dict[str, str] = field(default_factory=dict)
    gone: bool = False
    vanished_from: int = 0
    sharing: Sharing = field(default_factory=Sharing)
    own: Limit = field(default_factory=Limit)
    threads: MemoryThreads = field(default_factory=MemoryThreads)
    rows: dict[int, Row] = field(default_factory=dict)
    _by_modseq: OrderedDict[int, None] = field(default_factory=OrderedDict)
    _vanished: list[tuple[int, int]] = field(default_factory=list)

    # Looking.

    def existing(self, uids: Iterable[int]) -> list[int]:
        """Those of ``uids`` that exist, each once, ascending."""
        return sorted(uid for uid in set(uids) if uid in self.rows)

    def status(self) -> MailboxStatus:
        """All figures."""
        rows = self.rows.values()
        return MailboxStatus(
            messages=len(self.rows),
            recent=len(self.recent()),
            uidnext=self.uidnext,
            uidvalidity=self.uidvalidity,
            unseen=sum(SEEN not in row.flags for row in rows),
            deleted=sum(DELETED in row.flags for row in rows),
            size=sum(len(row.octets) for row in rows),
            highestmodseq=self.modseq,
            mailbox_id=self.mailbox_id,
        )

    def used(self) -> Usage:
        """What it holds."""
        return usage_of(self.rows.values())

    def recent(self) -> frozenset[int]:
        """UIDs no session was told of as ``\\Recent`` yet."""
        return frozenset(uid for uid in range(self.first_recent, self.uidnext) if uid in self.rows)

    def keywords_in_use(self) -> frozenset[str]:
        """Keywords that some message has."""
        return frozenset().union(*(row.flags for row in self.rows.values())) - SYSTEM_FLAGS

    def changed_since(self, modseq: int) -> list[int]:
        """UIDs of messages that came or changed after ``modseq``, ascending."""
        found = []
        for uid in reversed(self._by_modseq):
            if self.rows[uid].modseq <= modseq:
                break
            found.append(uid)
        return sorted(found)

    def vanished_since(self, modseq: int) -> UIDRuns:
        """UIDs expunged after ``modseq``, ascending; all that are not there where that is not known any more."""
        if modseq < self.vanished_from:
            return UIDRuns(runs(self.rows)).missing(self.uidnext)
        return UIDRuns(runs(self._newest_vanished(modseq)))

    def message(self, uid: int, items: Item, describe: Describe) -> Message:
        """One row as it was asked for."""
        row = self.rows[uid]
        if items & DESCRIPTION_ITEMS and row.description is None:
            row.description = describe([row.octets])
        if Item.IDENTITY in items and not row.thread_id:
            row.thread_id = thread_of(self.threads, row.octets)
        return Message(
            uid=uid,
            flags=row.flags if Item.FLAGS in items else frozenset(),
            modseq=row.modseq if Item.FLAGS in items else 0,
            internal_date=row.internal_date if Item.DATE in items else 0,
            size=len(row.octets) if Item.SIZE in items else 0,
            email_id=row.email_id if Item.IDENTITY in items else "",
            thread_id=row.thread_id if Item.IDENTITY in items else "",
            save_date=row.save_date if Item.IDENTITY in items else 0,
            description=row.description if items & DESCRIPTION_ITEMS else None,
            uidl=row.uidl if Item.UIDL in items else "",
            preview=_preview(row.octets) if Item.PREVIEW in items else None,
            sort_keys=pack(sort_keys(row.octets)) if Item.SORT_KEYS in items else None,
        )

    # Changing.

    def add(self, rows: Sequence[Row], keep: Flags | None = None) -> list[int]:
        """Put rows in, under new UIDs in their order; the rows are this mailbox's from now on.

        Args:
            rows: new ones.
            keep: where there are too many keywords, put them in with no flags but these, instead of refusing.

        Raises:
            MailframeError: ``LIMIT``, when they have too many keywords; nothing was put in.
        """
        try:
            spelled = self._spelled([row.flags for row in rows])
        except MailframeError:
            if keep is None:
                raise
            spelled = self._spelled([row.flags & keep for row in rows])
        modseq = self._next_modseq() if rows else 0
        for row, flags in zip(rows, spelled, strict=True):
            row.uid, row.modseq, row.flags = self.uidnext, modseq, flags
            self.rows[row.uid] = row
            self._by_modseq[row.uid] = None
            self.uidnext += 1
        return [row.uid for row in rows]

    def identify(self, mailbox_id: str, uidvalidity: int, special_use: str | None) -> None:
        """An empty mailbox becomes another: its numbers begin anew, and what was expunged is forgotten."""
        if uidvalidity != self.uidvalidity:
            self.uidnext = self.modseq = self.first_recent = 1
            self.vanished_from = 0
            self._vanished.clear()
        self.mailbox_id, self.uidvalidity, self.special_use = mailbox_id, uidvalidity, special_use

    def advance(self, uidnext: int, modseq: int, vanished_from: int) -> None:
        """Raise the numbers to these, where they are lower; no message is ``\\Recent`` any more."""
        self.uidnext, self.modseq = max(self.uidnext, uidnext), max(self.modseq, modseq)
        self.vanished_from = max(self.vanished_from, vanished_from)
        self.first_recent = self.uidnext

    def take_over(self, messages: Sequence[TakenMessage], rows: Sequence[Row]) -> list[int]:
        """Put rows in that come from elsewhere, and give those that are here the flags they have there.

        Args:
            messages: all of them; see `IMailAccount.take_over`.
            rows: of those that come in, with their UIDs and modseqs, or 0 for new ones.

        Raises:
            MailframeError: ``LIMIT``; nothing was changed.
        """
        here = [message for message in messages if message.uid in self.rows]
        spelled = self._spelled([row.flags for row in rows] + [message.flags for message in here])
        for message, flags in zip(here, spelled[len(rows) :], strict=True):
            row = self.rows[message.uid]
            if flags != row.flags or message.modseq not in (0, row.modseq):
                row.flags, row.modseq = flags, message.modseq or self._next_modseq()
        modseq = self._next_modseq() if any(not row.modseq for row in rows) else 0
        for row, flags in zip(rows, spelled, strict=False):
            row.uid, row.modseq, row.flags = max(self.uidnext, row.uid), row.modseq or modseq, flags
            self.rows[row.uid] = row
            self.uidnext = row.uid + 1
        order = sorted(self.rows.values(), key=lambda row: row.modseq)
        self._by_modseq = OrderedDict((row.uid, None) for row in order)
        return [row.uid for row in rows]

    def copies(self, uids: Iterable[int], save_date: int) -> list[Row]:
        """New rows like these, for another mailbox."""
        return [replace(self.rows[uid], save_date=save_date, uidl="") for uid in uids]

    def remove(self, uids: Iterable[int]) -> list[int]:
        """Take messages out; returns those that were there, ascending."""
        removed = self.existing(uids)
        if removed:
            modseq = self._next_modseq()
            for uid in removed:
                del self.rows[uid]
                del self._by_modseq[uid]
            self._vanished.extend((modseq, uid) for uid in removed)
            self._forget_vanished()
        return removed

    def store(
        self, uids: Iterable[int], change: FlagChange, flags: Flags, unchanged_since: int | None
    ) -> Stored:
        """Change flags; see `IMailbox.store`. A message whose flags stay as they are keeps its modseq."""
        found = self.existing(uids)
        failed = [uid for uid in found if _newer(self.rows[uid], unchanged_since)]
        if change is FlagChange.REMOVE:
            spelled = flag_rules.known(flags, self.keywords)
        else:
            (spelled,) = self._spelled([flags])
        touched = []
        for uid in sorted(set(found).difference(failed)):
            row = self.rows[uid]
            after = flag_rules.changed(row.flags, change, spelled)
            if after != row.flags:
                row.flags = after
                touched.append(uid)
        self._touch(touched)
        messages = [Message(uid, self.rows[uid].flags, self.rows[uid].modseq) for uid in found]
        return Stored(messages, failed, self.modseq, bool(touched))

    def _touch(self, uids: Sequence[int]) -> None:
        if uids:
            modseq = self._next_modseq()
            for uid in uids:
                self.rows[uid].modseq = modseq
                self._by_modseq.move_to_end(uid)

    def _next_modseq(self) -> int:
        self.modseq += 1
        return self.modseq

    def _forget_vanished(self) -> None:
        """Of too many the older half is forgotten, so that it is not done each time."""
        if len(self._vanished) > VANISHED_LIMIT:
            self.vanished_from = self._vanished[-VANISHED_LIMIT // 2][0]
            self._vanished = [one for one in self._vanished if one[0] > self.vanished_from]

    def _newest_vanished(self, modseq: int) -> Iterator[int]:
        for when, uid in reversed(self._vanished):
            if when <= modseq:
                return
            yield uid

    def _spelled(self, many: Sequence[Flags]) -> list[Flags]:
        try:
            return self._spelled_with(dict(self.keywords), many)
        except MailframeError:
            # Keywords nobody uses any more are forgotten only when their places are needed.
            in_use = {keyword.lower(): keyword for keyword in self.keywords_in_use()}
            return self._spelled_with(in_use, many)

    def _spelled_with(self, keywords: dict[str, str], many: Sequence[Flags]) -> list[Flags]:
        spelled = [flag_rules.spelled(flags, keywords, self.keywords_limit) for flags in many]
        self.keywords = keywords
        return spelled


def _preview(octets: bytes) -> str:
    return preview(scan([octets]), lambda offset, length: octets[offset : offset + length])


def new_row(message: NewMessage, save_date: int) -> Row:
    """A message that is about to come in.

    Raises:
        OSError: its content cannot be read.
    """
    octets = message.content.octets()
    return Row(octets, message.flags, message.internal_date, save_date, new_object_id("M"))


def taken_row(message: TakenMessage, now: int) -> Row:
    """A message that is about to come over from elsewhere.

    Raises:
        ValueError: it has no content.
        OSError: its content cannot be read.
    """
    if message.content is None:
        raise ValueError("a message that is not there yet must come with its content")
    return Row(
        message.content.octets(),
        message.flags,
        message.internal_date or now,
        message.save_date or now,
        object_id(message.email_id) or new_object_id("M"),
        object_id(message.thread_id),
        message.uid,
        message.modseq,
        uidl=message.uidl,
    )


def _newer(row: Row, unchanged_since: int | None) -> bool:
    return unchanged_since is not None and row.modseq > unchanged_since

"""One opened mailbox in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zope.interface import implementer

from mailframe.store.interfaces import IMailbox
from mailframe.store.matching import Program
from mailframe.store.refusals import NONEXISTENT, NOPERM, TRYCREATE, refuse
from mailframe.store.search_keys import SearchKey
from mailframe.store.values import (
    DELETED,
    SEEN,
    Changes,
    Copied,
    FlagChange,
    Flags,
    Item,
    Message,
    SearchResult,
    Snapshot,
    Span,
    Stored,
)

from .box import Box, usage_of
from .maildrop import Maildrop


@implementer(IMailbox)
class MemoryMailbox:
    """One opened mailbox; see `IMailbox`."""

    def __init__(self, maildrop: Maildrop, box: Box, read_only: bool) -> None:
        self._maildrop = maildrop
        self._surroundings = maildrop.surroundings
        self._box = box
        self.mailbox_id = box.mailbox_id
        self.uidvalidity = box.uidvalidity
        self.read_only = read_only
        self._endings: list[Callable[[], None]] = []

    @property
    def name(self) -> str:
        """Its full name, which another session may have changed."""
        return self._box.name

    async def snapshot(self) -> Snapshot:
        """See `IMailbox.snapshot`."""
        box = self._existing_box()
        unseen = (uid for uid, row in box.rows.items() if SEEN not in row.flags)
        return Snapshot(
            uids=list(box.rows),
            recent=self._take_recent(),
            first_unseen=next(unseen, None),
            keywords=box.keywords_in_use(),
            uidnext=box.uidnext,
            modseq=box.modseq,
        )

    async def changes(self, since: int) -> Changes:
        """See `IMailbox.changes`."""
        box = self._existing_box()
        uids = box.changed_since(since)
        messages = [box.message(uid, Item.FLAGS, self._surroundings.describe) for uid in uids]
        recent = self._take_recent().intersection(uids)
        return Changes(box.modseq, messages, box.vanished_since(since), recent, box.uidnext)

    async def fetch(self, uids: Sequence[int], items: Item) -> Sequence[Message]:
        """See `IMailbox.fetch`."""
        box = self._box
        return [box.message(uid, items, self._surroundings.describe) for uid in box.existing(uids)]

    async def read(self, spans: Sequence[Span]) -> Sequence[bytes | None]:
        """See `IMailbox.read`."""
        return [self._piece(span) for span in spans]

    async def store(
        self, uids: Sequence[int], change: FlagChange, flags: Flags, unchanged_since: int | None = None
    ) -> Stored:
        """See `IMailbox.store`."""
        self._check_writable()
        self._existing_box()
        before = self._box.modseq
        stored = self._box.store(uids, change, flags, unchanged_since)
        if stored.modseq != before:
            self._maildrop.publish(self._box)
        return stored

    async def copy(self, uids: Sequence[int], target: str) -> Copied:
        """See `IMailbox.copy`."""
        box = self._maildrop.find(target, TRYCREATE)
        source = self._existing_box().existing(uids)
        appended = self._maildrop.add(box, self._box.copies(source, self._surroundings.now()))
        return Copied(appended.uidvalidity, source, appended.uids)

    async def move(self, uids: Sequence[int], target: str) -> Copied:
        """See `IMailbox.move`."""
        self._check_writable()
        box = self._maildrop.find(target, TRYCREATE)
        source = self._existing_box().existing(uids)
        if source and box is not self._box:
            self._maildrop.check_box(box, usage_of([self._box.rows[uid] for uid in source]))
        # Not by `copy`: what is only moved needs no room in the account.
        moved = box.add(self._box.copies(source, self._surroundings.now()))
        self._maildrop.publish(box)
        self._take_out(source)
        return Copied(box.uidvalidity, source, moved)

    async def expunge(self, uids: Sequence[int] | None = None) -> Sequence[int]:
        """See `IMailbox.expunge`."""
        self._check_writable()
        rows = self._existing_box().rows
        among = rows if uids is None else self._box.existing(uids)
        return self._take_out([uid for uid in among if DELETED in rows[uid].flags])

    async def remove(self, uids: Sequence[int]) -> Sequence[int]:
        """See `IMailbox.remove`."""
        self._check_writable()
        self._existing_box()
        return self._take_out(uids)

    async def search(self, key: SearchKey) -> SearchResult:
        """See `IMailbox.search`."""
        box, program = self._box, Program(key)
        found = [
            uid
            for uid, row in box.rows.items()
            if program.matches(box.message(uid, program.items, self._surroundings.describe), row.octets)
        ]
        return SearchResult(found, max((box.rows[uid].modseq for uid in found), default=0))

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """See `IMailbox.listen`."""
        ending = self._surroundings.hints.listen(self._maildrop.name, self.mailbox_id, changed)
        self._endings.append(ending)
        return ending

    def close(self) -> None:
        """See `IMailbox.close`."""
        while self._endings:
            self._endings.pop()()

    def _existing_box(self) -> Box:
        if self._box.gone:
            raise refuse(NONEXISTENT)
        return self._box

    def _check_writable(self) -> None:
        if self.read_only:
            raise refuse(NOPERM)

    def _take_recent(self) -> frozenset[int]:
        recent = self._box.recent()
        if not self.read_only:
            self._box.first_recent = self._box.uidnext
        return recent

    def _take_out(self, uids: Sequence[int]) -> list[int]:
        removed = self._box.remove(uids)
        if removed:
            self._maildrop.publish(self._box)
        return removed

    def _piece(self, span: Span) -> bytes | None:
        row = self._box.rows.get(span.uid)
        if row is None:
            return None
        end = None if span.length is None else span.offset + span.length
        return row.octets[span.offset : end]

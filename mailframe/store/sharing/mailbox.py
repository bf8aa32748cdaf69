"""Somebody else's mailbox, opened: nobody does what he has no right to (RFC 4314 section 4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from zope.interface import implementer

from mailframe.store.interfaces import IMailbox
from mailframe.store.refusals import NOPERM, NOT_ALLOWED, refuse
from mailframe.store.search_keys import SearchKey
from mailframe.store.values import (
    DELETED,
    SEEN,
    SYSTEM_FLAGS,
    Changes,
    Copied,
    FlagChange,
    Flags,
    Item,
    Message,
    NewMessage,
    SearchResult,
    Snapshot,
    Span,
    Stored,
)

from . import rights as letters
from .rights import Rights


class Transfers(Protocol):
    """Brings messages from an opened mailbox into another, whosever that is: the session's account."""

    def transfer(
        self, source: IMailbox, owner: str, uids: Sequence[int], target: str, move: bool
    ) -> Awaitable[Copied]:
        """Copy or move messages.

        Args:
            source: the mailbox, opened in its owner's account.
            owner: that account.
            uids: of the messages.
            target: what the session calls the other mailbox.

        Raises:
            MailframeError: ``TRYCREATE``, ``NOPERM``, ``OVERQUOTA``.
        """


def allowed_flags(flags: Flags, rights: Rights) -> Flags:
    """Those of some flags that these rights let one set and clear (RFC 4314 section 4)."""
    found = set()
    for flag in flags:
        needed = {SEEN: letters.SEEN, DELETED: letters.DELETE_MESSAGES}.get(flag, letters.WRITE)
        if needed in rights:
            found.add(flag)
    return frozenset(found)


def allowed_messages(messages: Sequence[NewMessage], rights: Rights) -> Sequence[NewMessage]:
    """Messages with those of their flags that these rights let one set."""
    if rights == letters.ALL:
        return messages
    return [replace(message, flags=allowed_flags(message.flags, rights)) for message in messages]


@implementer(IMailbox)
class SharedMailbox:
    """See `IMailbox`.

    Args:
        inner: the mailbox, opened in its owner's account.
        owner: that account.
        name: what the session calls it.
        rights: asked at each change: they may be taken away meanwhile.
        read_only: opened by EXAMINE, or without any right to change it.
        transfers: copies into other mailboxes.
    """

    def __init__(
        self,
        inner: IMailbox,
        owner: str,
        name: str,
        rights: Callable[[], Awaitable[Rights]],
        read_only: bool,
        transfers: Transfers,
    ) -> None:
        self._inner = inner
        self._owner = owner
        self._rights = rights
        self._transfers = transfers
        self.name = name
        self.mailbox_id: str = inner.mailbox_id
        self.uidvalidity: int = inner.uidvalidity
        self.read_only = read_only

    async def snapshot(self) -> Snapshot:
        """See `IMailbox.snapshot`."""
        return await self._inner.snapshot()

    async def changes(self, since: int) -> Changes:
        """See `IMailbox.changes`."""
        return await self._inner.changes(since)

    async def fetch(self, uids: Sequence[int], items: Item) -> Sequence[Message]:
        """See `IMailbox.fetch`."""
        return await self._inner.fetch(uids, items)

    async def read(self, spans: Sequence[Span]) -> Sequence[bytes | None]:
        """See `IMailbox.read`."""
        return await self._inner.read(spans)

    async def search(self, key: SearchKey) -> SearchResult:
        """See `IMailbox.search`."""
        return await self._inner.search(key)

    async def store(
        self, uids: Sequence[int], change: FlagChange, flags: Flags, unchanged_since: int | None = None
    ) -> Stored:
        """See `IMailbox.store`: flags that one may not change are passed over, unless it is all of them."""
        rights = await self._needs(letters.SEEN + letters.DELETE_MESSAGES + letters.WRITE)
        allowed = allowed_flags(flags, rights)
        if change is not FlagChange.REPLACE:
            if flags and not allowed:
                raise refuse(NOT_ALLOWED)
            return await self._inner.store(uids, change, allowed, unchanged_since)
        if {letters.SEEN, letters.DELETE_MESSAGES, letters.WRITE} <= rights:
            return await self._inner.store(uids, change, flags, unchanged_since)
        # What one may not change stays as it is: the others are added and removed.
        added = await self._inner.store(uids, FlagChange.ADD, allowed, unchanged_since)
        known = SYSTEM_FLAGS | frozenset().union(*(message.flags for message in added.messages))
        others = allowed_flags(known - flags, rights)
        changed = [message.uid for message in added.messages if message.uid not in set(added.failed)]
        removed = await self._inner.store(changed, FlagChange.REMOVE, others)
        after = {message.uid: message for message in (*added.messages, *removed.messages)}
        return Stored([after[uid] for uid in sorted(after)], added.failed, removed.modseq)

    async def copy(self, uids: Sequence[int], target: str) -> Copied:
        """See `IMailbox.copy`."""
        return await self._transfers.transfer(self._inner, self._owner, uids, target, move=False)

    async def move(self, uids: Sequence[int], target: str) -> Copied:
        """See `IMailbox.move`; into another account it is a copy, and then the removal."""
        await self._needs(letters.EXPUNGE)
        await self._needs(letters.DELETE_MESSAGES)
        return await self._transfers.transfer(self._inner, self._owner, uids, target, move=True)

    async def expunge(self, uids: Sequence[int] | None = None) -> Sequence[int]:
        """See `IMailbox.expunge`."""
        await self._needs(letters.EXPUNGE)
        return await self._inner.expunge(uids)

    async def remove(self, uids: Sequence[int]) -> Sequence[int]:
        """See `IMailbox.remove`."""
        await self._needs(letters.EXPUNGE)
        await self._needs(letters.DELETE_MESSAGES)
        return await self._inner.remove(uids)

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """See `IMailbox.listen`."""
        return self._inner.listen(changed)

    def close(self) -> None:
        """See `IMailbox.close`."""
        self._inner.close()

    async def _needs(self, one_of: str) -> Rights:
        """One of these rights.

        Raises:
            MailframeError: ``NOPERM``.
        """
        if self.read_only:
            raise refuse(NOPERM)
        rights = await self._rights()
        if not rights & set(one_of):
            raise refuse(NOT_ALLOWED)
        return rights

"""One session with an account, and with a mailbox: each method is one unit of work in a thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from zope.interface import implementer

from mailframe.store.interfaces import IHints, IMailAccount, IMailbox
from mailframe.store.names import canonical, check_new, check_special_use
from mailframe.store.quota import Limit, QuotaRoot
from mailframe.store.refusals import CANNOT, NOPERM, refuse
from mailframe.store.retention import is_kept
from mailframe.store.search_keys import SearchKey
from mailframe.store.sharing.rights import AccessEntry, Rights
from mailframe.store.values import (
    NAMES,
    Appended,
    Changes,
    Copied,
    FlagChange,
    Flags,
    Item,
    KeptMailbox,
    MailboxEntry,
    MailboxStatus,
    Message,
    NewMessage,
    SearchResult,
    Snapshot,
    Span,
    Stored,
    TakenMailbox,
    TakenMessage,
)

from . import fetching, flagging, keeping, mailboxes, moving, opened, room, searching, sharing, taking_over
from .maildrop import Maildrop

T = TypeVar("T")


class Threads(Protocol):
    """Where the work is done: the store."""

    hints: IHints

    async def work(self, account: str, function: Callable[[Maildrop], T], slow: bool = False) -> T:
        """Call a function with the open account in a thread.

        Args:
            slow: it may take long; others should not wait for it.
        """


@implementer(IMailAccount)
class MaildropAccount:
    """One session's view of an account; see `IMailAccount`."""

    def __init__(self, name: str, threads: Threads) -> None:
        self.name = name
        self._threads = threads
        self._opened: list[MaildropMailbox] = []
        self._endings: list[Callable[[], None]] = []

    async def mailboxes(self) -> Sequence[MailboxEntry]:
        """See `IMailAccount.mailboxes`."""
        return await self._work(mailboxes.entries)

    async def create(self, name: str, special_use: str | None = None) -> str:
        """See `IMailAccount.create`."""
        name, special_use = check_new(name), check_special_use(special_use)
        return await self._change(lambda drop: mailboxes.create(drop, name, special_use))

    async def delete(self, name: str) -> None:
        """See `IMailAccount.delete`."""
        await self._change(lambda drop: mailboxes.delete(drop, name))

    async def rename(self, name: str, new_name: str) -> None:
        """See `IMailAccount.rename`."""
        old, new = canonical(name), check_new(new_name)
        await self._change(lambda drop: mailboxes.rename(drop, old, new))

    async def subscribe(self, name: str, subscribed: bool) -> None:
        """See `IMailAccount.subscribe`."""
        await self._change(lambda drop: mailboxes.subscribe(drop, name, subscribed))

    async def status(self, name: str) -> MailboxStatus:
        """See `IMailAccount.status`."""
        return await self._work(lambda drop: mailboxes.status(drop, name))

    async def quotas(self, name: str | None = None) -> Sequence[QuotaRoot]:
        """See `IMailAccount.quotas`."""
        return await self._work(lambda drop: room.roots(drop, name))

    async def set_quota(self, name: str, own: Limit) -> QuotaRoot:
        """See `IMailAccount.set_quota`."""
        return await self._work(lambda drop: room.set_own(drop, name, own))

    async def kept(self) -> Sequence[KeptMailbox]:
        """See `IMailAccount.kept`."""
        return await self._work(keeping.kept)

    async def restore(self, name: str, into: str = "", since: int = 0, until: int = 0) -> int:
        """See `IMailAccount.restore`."""
        name, into = canonical(name), check_new(into or name)
        return await self._work(lambda drop: keeping.restore(drop, name, into, since, until))

    async def access(self, name: str) -> Sequence[AccessEntry]:
        """See `IMailAccount.access`."""
        return await self._work(lambda drop: sharing.access(drop, name))

    async def set_access(self, name: str, identifier: str, rights: Rights | None) -> None:
        """See `IMailAccount.set_access`."""
        await self._change(lambda drop: sharing.set_access(drop, name, identifier, rights))

    async def identifiers(self) -> frozenset[str]:
        """See `IMailAccount.identifiers`."""
        return await self._work(lambda drop: frozenset(drop.catalogue.access.identifiers()))

    async def rights(self, name: str, user: str) -> Rights:
        """See `IMailAccount.rights`."""
        return await self._work(lambda drop: sharing.rights(drop, name, user))

    async def metadata(
        self, name: str | None, entries: Sequence[str], depth: int = 0, user: str = ""
    ) -> Mapping[str, bytes]:
        """See `IMailAccount.metadata`."""
        user = user or self.name
        return await self._work(lambda drop: sharing.metadata(drop, name, entries, depth, user))

    async def set_metadata(
        self, name: str | None, values: Mapping[str, bytes | None], user: str = ""
    ) -> None:
        """See `IMailAccount.set_metadata`."""
        user = user or self.name
        await self._change(lambda drop: sharing.set_metadata(drop, name, values, user))

    async def listen(self, changed: Callable[[str], None]) -> Callable[[], None]:
        """See `IMailAccount.listen`."""
        ending = self._threads.hints.listen_account(self.name, changed)
        self._endings.append(ending)
        return ending

    async def open(self, name: str, read_only: bool = False) -> MaildropMailbox:
        """See `IMailAccount.open`."""
        row = await self._work(lambda drop: drop.find(name))
        mailbox = MaildropMailbox(self, self._threads, row.name, row.mailbox_id, row.uidvalidity, read_only)
        self._opened.append(mailbox)
        return mailbox

    async def append(self, name: str, messages: Sequence[NewMessage]) -> Appended:
        """See `IMailAccount.append`."""
        name = _target(name)
        return await self._work(lambda drop: mailboxes.append(drop, name, messages))

    async def take_over(
        self, name: str, mailbox: TakenMailbox, messages: Sequence[TakenMessage] = ()
    ) -> Sequence[int]:
        """See `IMailAccount.take_over`."""
        name = check_new(name)
        return await self._work(lambda drop: taking_over.take_over(drop, name, mailbox, messages))

    def close(self) -> None:
        """See `IMailAccount.close`."""
        while self._opened:
            self._opened[-1].close()
        while self._endings:
            self._endings.pop()()

    def closed(self, mailbox: MaildropMailbox) -> None:
        """A mailbox of this session was closed."""
        if mailbox in self._opened:
            self._opened.remove(mailbox)

    async def _work(self, function: Callable[[Maildrop], T]) -> T:
        return await self._threads.work(self.name, function)

    async def _change(self, function: Callable[[Maildrop], T]) -> T:
        """Work that changes the list of mailboxes, or what is noted of them."""
        try:
            return await self._work(function)
        finally:
            self._threads.hints.publish(self.name, NAMES)


@implementer(IMailbox)
class MaildropMailbox:
    """One opened mailbox; see `IMailbox`. ``name`` is the one it had at the last look."""

    def __init__(
        self,
        account: MaildropAccount,
        threads: Threads,
        name: str,
        mailbox_id: str,
        uidvalidity: int,
        read_only: bool,
    ) -> None:
        self._account = account
        self._threads = threads
        self._endings: list[Callable[[], None]] = []
        self.name = name
        self.mailbox_id = mailbox_id
        self.uidvalidity = uidvalidity
        self.read_only = read_only

    async def snapshot(self) -> Snapshot:
        """See `IMailbox.snapshot`."""
        return await self._work(opened.snapshot, self.read_only)

    async def changes(self, since: int) -> Changes:
        """See `IMailbox.changes`."""
        return await self._work(opened.changes, since, self.read_only)

    async def fetch(self, uids: Sequence[int], items: Item) -> Sequence[Message]:
        """See `IMailbox.fetch`."""
        return await self._work(fetching.fetch, uids, items)

    async def read(self, spans: Sequence[Span]) -> Sequence[bytes | None]:
        """See `IMailbox.read`."""
        return await self._work(opened.read, spans)

    async def store(
        self, uids: Sequence[int], change: FlagChange, flags: Flags, unchanged_since: int | None = None
    ) -> Stored:
        """See `IMailbox.store`."""
        self._check_writable()
        return await self._work(flagging.store, uids, change, flags, unchanged_since)

    async def copy(self, uids: Sequence[int], target: str) -> Copied:
        """See `IMailbox.copy`."""
        return await self._work(moving.copy, uids, _target(target))

    async def move(self, uids: Sequence[int], target: str) -> Copied:
        """See `IMailbox.move`."""
        self._check_writable()
        return await self._work(moving.move, uids, _target(target))

    async def expunge(self, uids: Sequence[int] | None = None) -> Sequence[int]:
        """See `IMailbox.expunge`."""
        self._check_writable()
        return await self._work(keeping.expunge, uids)

    async def remove(self, uids: Sequence[int]) -> Sequence[int]:
        """See `IMailbox.remove`."""
        self._check_writable()
        return await self._work(keeping.remove, uids)

    async def search(self, key: SearchKey) -> SearchResult:
        """See `IMailbox.search`."""
        search, slow = searching.Search(key), searching.needs_octets(key)
        # A slice at a time: others have their turn in between, and cancelling ends it.
        while not await self._work(search.step, slow=slow):
            pass
        return search.result

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """See `IMailbox.listen`."""
        ending = self._threads.hints.listen(self._account.name, self.mailbox_id, changed)
        self._endings.append(ending)
        return ending

    def close(self) -> None:
        """See `IMailbox.close`."""
        while self._endings:
            self._endings.pop()()
        self._account.closed(self)

    def _check_writable(self) -> None:
        if self.read_only:
            raise refuse(NOPERM)

    async def _work(self, function: Callable[..., T], *arguments: Any, slow: bool = False) -> T:
        return await self._threads.work(
            self._account.name, lambda drop: function(drop, self.mailbox_id, *arguments), slow
        )


def _target(name: str) -> str:
    """A mailbox that messages are put into: none of those for expunged mail, which count for no quota.

    Raises:
        MailframeError: ``CANNOT``.
    """
    if is_kept(canonical(name)):
        raise refuse(CANNOT)
    return name

"""One session with an account in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from zope.interface import implementer

from mailframe.store.identity import check_order
from mailframe.store.interfaces import IMailAccount
from mailframe.store.names import (
    canonical,
    check_count,
    check_new,
    check_special_use,
    in_order,
    superiors,
)
from mailframe.store.quota import Limit, QuotaRoot
from mailframe.store.refusals import INBOX_STAYS, TRYCREATE, refuse
from mailframe.store.sharing.rights import AccessEntry, Rights
from mailframe.store.values import (
    INBOX,
    NAMES,
    Appended,
    KeptMailbox,
    MailboxEntry,
    MailboxStatus,
    NewMessage,
    TakenMailbox,
    TakenMessage,
)

from .box import new_row
from .mailbox import MemoryMailbox
from .maildrop import Maildrop
from .sharing import Sharing


@implementer(IMailAccount)
class MemoryAccount:
    """One session's view of an account; see `IMailAccount`."""

    def __init__(self, maildrop: Maildrop) -> None:
        self.name = maildrop.name
        self._maildrop = maildrop
        self._opened: list[MemoryMailbox] = []
        self._endings: list[Callable[[], None]] = []

    async def mailboxes(self) -> Sequence[MailboxEntry]:
        """See `IMailAccount.mailboxes`."""
        boxes, subscribed = self._maildrop.boxes, self._maildrop.subscribed
        names = {*boxes, *subscribed}
        for name in boxes:
            names.update(superiors(name))
        entries = []
        for name in in_order(names):
            box = boxes.get(name)
            if box is None:
                entries.append(MailboxEntry(name, selectable=False, subscribed=name in subscribed))
            else:
                entries.append(MailboxEntry(name, box.mailbox_id, True, name in subscribed, box.special_use))
        return entries

    async def create(self, name: str, special_use: str | None = None) -> str:
        """See `IMailAccount.create`."""
        box = self._maildrop.create(check_new(name), check_special_use(special_use))
        self._renamed()
        return box.mailbox_id

    async def delete(self, name: str) -> None:
        """See `IMailAccount.delete`."""
        box = self._maildrop.find(name)
        if box.name == INBOX:
            raise refuse(INBOX_STAYS)
        self._maildrop.discard(box)
        self._renamed()

    async def rename(self, name: str, new_name: str) -> None:
        """See `IMailAccount.rename`."""
        old, new = canonical(name), check_new(new_name)
        if old == INBOX:
            self._maildrop.rename_inbox(new)
        else:
            self._maildrop.rename(old, new)
        self._renamed()

    async def subscribe(self, name: str, subscribed: bool) -> None:
        """See `IMailAccount.subscribe`."""
        if not subscribed:
            self._maildrop.subscribed.discard(canonical(name))
            self._renamed()
            return
        name = check_new(name)
        check_count(len(self._maildrop.subscribed | {name}), self._maildrop.surroundings.mailboxes_limit)
        self._maildrop.subscribed.add(name)
        self._renamed()

    async def status(self, name: str) -> MailboxStatus:
        """See `IMailAccount.status`."""
        return self._maildrop.find(name).status()

    async def quotas(self, name: str | None = None) -> Sequence[QuotaRoot]:
        """See `IMailAccount.quotas`."""
        return self._maildrop.quotas(name)

    async def set_quota(self, name: str, own: Limit) -> QuotaRoot:
        """See `IMailAccount.set_quota`."""
        return self._maildrop.set_quota(name, own)

    async def kept(self) -> Sequence[KeptMailbox]:
        """See `IMailAccount.kept`: this store keeps nothing."""
        return ()

    async def restore(self, name: str, into: str = "", since: int = 0, until: int = 0) -> int:
        """See `IMailAccount.restore`: this store keeps nothing."""
        return 0

    async def access(self, name: str) -> Sequence[AccessEntry]:
        """See `IMailAccount.access`."""
        return self._maildrop.find(name).sharing.access()

    async def set_access(self, name: str, identifier: str, rights: Rights | None) -> None:
        """See `IMailAccount.set_access`."""
        self._maildrop.find(name).sharing.set_access(identifier, rights)
        self._renamed()

    async def identifiers(self) -> frozenset[str]:
        """See `IMailAccount.identifiers`."""
        boxes = self._maildrop.boxes.values()
        return frozenset(entry.identifier for box in boxes for entry in box.sharing.access())

    async def rights(self, name: str, user: str) -> Rights:
        """See `IMailAccount.rights`."""
        return self._maildrop.find(name).sharing.rights(user, self.name)

    async def metadata(
        self, name: str | None, entries: Sequence[str], depth: int = 0, user: str = ""
    ) -> Mapping[str, bytes]:
        """See `IMailAccount.metadata`."""
        return self._sharing(name).metadata(entries, depth, user or self.name)

    async def set_metadata(
        self, name: str | None, values: Mapping[str, bytes | None], user: str = ""
    ) -> None:
        """See `IMailAccount.set_metadata`."""
        self._sharing(name).set_metadata(values, user or self.name, self.name)
        self._renamed()

    def _sharing(self, name: str | None) -> Sharing:
        return self._maildrop.sharing if name is None else self._maildrop.find(name).sharing

    async def open(self, name: str, read_only: bool = False) -> MemoryMailbox:
        """See `IMailAccount.open`."""
        mailbox = MemoryMailbox(self._maildrop, self._maildrop.find(name), read_only)
        self._opened.append(mailbox)
        return mailbox

    async def append(self, name: str, messages: Sequence[NewMessage]) -> Appended:
        """See `IMailAccount.append`."""
        box = self._maildrop.find(name, TRYCREATE)
        now = self._maildrop.surroundings.now()
        return self._maildrop.add(box, [new_row(message, now) for message in messages])

    async def take_over(
        self, name: str, mailbox: TakenMailbox, messages: Sequence[TakenMessage] = ()
    ) -> Sequence[int]:
        """See `IMailAccount.take_over`."""
        check_order(messages)
        return self._maildrop.take_over(check_new(name), mailbox, messages)

    async def listen(self, changed: Callable[[str], None]) -> Callable[[], None]:
        """See `IMailAccount.listen`."""
        ending = self._maildrop.surroundings.hints.listen_account(self.name, changed)
        self._endings.append(ending)
        return ending

    def close(self) -> None:
        """See `IMailAccount.close`."""
        while self._opened:
            self._opened.pop().close()
        while self._endings:
            self._endings.pop()()

    def _renamed(self) -> None:
        """Hint that the list of mailboxes is another, or what is noted of them."""
        self._maildrop.surroundings.hints.publish(self.name, NAMES)

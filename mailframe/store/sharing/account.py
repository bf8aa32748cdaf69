"""One session's account, and the mailboxes of others beside it, as far as it has rights on them (RFC 4314)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.logger import Logger
from zope.interface import implementer

from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailAccount, IMailbox
from mailframe.store.names import canonical, in_order, superiors
from mailframe.store.quota import Limit, QuotaRoot
from mailframe.store.refusals import CANNOT, NONEXISTENT, NOT_ALLOWED, TRYCREATE, refuse
from mailframe.store.values import (
    SEPARATOR,
    Appended,
    Copied,
    Item,
    KeptMailbox,
    MailboxEntry,
    MailboxStatus,
    NewMessage,
    TakenMailbox,
    TakenMessage,
)

from . import rights as letters
from .carrying import carrying
from .mailbox import SharedMailbox, allowed_messages
from .rights import ALL, ANYONE, AccessEntry, Rights
from .shares import note_account

if TYPE_CHECKING:
    from .store import SharingStore

log = Logger()


@implementer(IMailAccount)
class SharedAccount:
    """See `IMailAccount`.

    Args:
        own: the session's own account.
        store: opens those of others.
    """

    def __init__(self, own: IMailAccount, store: SharingStore) -> None:
        self.name: str = own.name
        self._own = own
        self._store = store
        self._namespaces = store.namespaces
        self._others: dict[str, IMailAccount] = {}

    # Names.

    async def mailboxes(self) -> Sequence[MailboxEntry]:
        """See `IMailAccount.mailboxes`: one's own, and those that others let one see."""
        entries = {entry.name: entry for entry in await self._own.mailboxes()}
        subscribed = {name for name, entry in entries.items() if entry.subscribed}
        for owner in await self._store.shares.owners(self.name):
            if owner == self.name:
                continue
            for entry in await self._visible_or_none(owner):
                found = MailboxEntry(entry.name, entry.mailbox_id, True, entry.name in subscribed)
                entries[entry.name] = found
                for name in superiors(entry.name):
                    entries.setdefault(
                        name, MailboxEntry(name, selectable=False, subscribed=name in subscribed)
                    )
        return [entries[name] for name in in_order(entries)]

    async def create(self, name: str, special_use: str | None = None) -> str:
        """See `IMailAccount.create`: below somebody else's mailbox with the right to (``k``)."""
        if self._namespaces.place_of(name) is None:
            await self._check_above(self._own, canonical(name))
            return await self._own.create(name, special_use)
        account, inner = await self._place(name)
        if SEPARATOR not in inner or special_use is not None:
            raise refuse(NOT_ALLOWED if SEPARATOR not in inner else CANNOT)
        await self._check_above(account, inner)
        return await account.create(inner)

    async def delete(self, name: str) -> None:
        """See `IMailAccount.delete`: with the right to (``x``)."""
        account, inner = await self._allowed(name, letters.DELETE_MAILBOX)
        await account.delete(inner)
        await note_account(self._store.shares, account)

    async def rename(self, name: str, new_name: str) -> None:
        """See `IMailAccount.rename`: within one account, with the rights to delete there and to create here."""
        account, inner = await self._allowed(name, letters.DELETE_MAILBOX)
        if self._namespaces.place_of(new_name) is None and self._is_own(account):
            await self._check_above(self._own, canonical(new_name))
            await self._own.rename(inner, new_name)
            return
        other, new_inner = await self._place(new_name)
        if other.name != account.name or (SEPARATOR not in new_inner and not self._is_own(account)):
            raise refuse(CANNOT)
        await self._check_above(account, new_inner)
        await account.rename(inner, new_inner)

    async def subscribe(self, name: str, subscribed: bool) -> None:
        """See `IMailAccount.subscribe`: one's subscriptions are one's own, whosever the mailboxes are."""
        await self._own.subscribe(name, subscribed)

    # Mailboxes.

    async def status(self, name: str) -> MailboxStatus:
        """See `IMailAccount.status`: with the right to read."""
        account, inner = await self._allowed(name, letters.READ)
        return await account.status(inner)

    async def open(self, name: str, read_only: bool = False) -> IMailbox:
        """See `IMailAccount.open`: with the right to read; for reading only without any right to change."""
        account, inner = await self._allowed(name, letters.READ)

        async def rights() -> Rights:
            return await account.rights(inner, self.name)

        given = await rights()
        changing = {letters.SEEN, letters.WRITE, letters.DELETE_MESSAGES, letters.EXPUNGE, letters.INSERT}
        read_only = read_only or not given & changing
        mailbox = await account.open(inner, read_only)
        if self._is_own(account):
            # Who may do everything is not asked again at each change: only he himself could take it away.
            own = self._all if given == ALL else rights
            return SharedMailbox(mailbox, account.name, mailbox.name, own, read_only, self)
        name = self._namespaces.name_of(account.name, inner)
        return SharedMailbox(mailbox, account.name, name, rights, read_only, self)

    async def append(self, name: str, messages: Sequence[NewMessage]) -> Appended:
        """See `IMailAccount.append`: with the right to (``i``), and with the flags that one may set."""
        account, inner = await self._allowed(name, letters.INSERT, missing_is=TRYCREATE)
        return await account.append(inner, await self._flagged(account, inner, messages))

    async def take_over(
        self, name: str, mailbox: TakenMailbox, messages: Sequence[TakenMessage] = ()
    ) -> Sequence[int]:
        """See `IMailAccount.take_over`: one's own mailboxes only."""
        if self._namespaces.place_of(name) is not None:
            raise refuse(CANNOT)
        return await self._own.take_over(name, mailbox, messages)

    async def transfer(
        self, source: IMailbox, owner: str, uids: Sequence[int], target: str, move: bool
    ) -> Copied:
        """See `mailframe.store.sharing.mailbox.Transfers`."""
        account, inner = await self._allowed(target, letters.INSERT, missing_is=TRYCREATE)
        if account.name == owner and (
            (self._is_own(account) or not move) and await self._sets_all(account, inner)
        ):
            return await (source.move(uids, inner) if move else source.copy(uids, inner))
        copied = await self._carried(source, uids, account, inner)
        if move:
            await source.remove(copied.source)
        return copied

    # Rights, annotations, quotas.

    async def access(self, name: str) -> Sequence[AccessEntry]:
        """See `IMailAccount.access`: with the right to administer."""
        account, inner = await self._allowed(name, letters.ADMINISTER)
        return await account.access(inner)

    async def set_access(self, name: str, identifier: str, rights: Rights | None) -> None:
        """See `IMailAccount.set_access`: with the right to administer."""
        account, inner = await self._allowed(name, letters.ADMINISTER)
        who = letters.identifier(identifier)
        if who.removeprefix("-") == ANYONE and rights and not self._store.anyone:
            raise refuse(NOT_ALLOWED, "rights for anyone are not allowed here")
        if rights:
            # The index may know too much, and never too little: not even when all ends between these lines.
            await self._store.shares.note(account.name, {*await account.identifiers(), who})
        await account.set_access(inner, who, rights)
        await note_account(self._store.shares, account)

    async def identifiers(self) -> frozenset[str]:
        """See `IMailAccount.identifiers`: of one's own."""
        return await self._own.identifiers()

    async def rights(self, name: str, user: str) -> Rights:
        """See `IMailAccount.rights`: one's own with any right, those of others with the right to administer."""
        account, inner = await self._place(name)
        mine = await self._rights(account, inner)
        if user.lower() == self.name.lower():
            return mine
        if letters.ADMINISTER not in mine:
            raise refuse(NOT_ALLOWED)
        return await account.rights(inner, user)

    async def metadata(
        self, name: str | None, entries: Sequence[str], depth: int = 0, user: str = ""
    ) -> Mapping[str, bytes]:
        """See `IMailAccount.metadata`: with rights that RFC 5464 section 3.3 asks for."""
        if name is None:
            return await self._own.metadata(None, entries, depth, self.name)
        account, inner = await self._annotated(name)
        return await account.metadata(inner, entries, depth, self.name)

    async def set_metadata(
        self, name: str | None, values: Mapping[str, bytes | None], user: str = ""
    ) -> None:
        """See `IMailAccount.set_metadata`: private entries with the same, shared ones with that to write too."""
        if name is None:
            await self._own.set_metadata(None, values, self.name)
            return
        shared = any(not entry.lower().startswith("/private/") for entry in values)
        account, inner = await self._annotated(name)
        if shared:
            await self._check(account, inner, letters.WRITE)
        await account.set_metadata(inner, values, self.name)

    async def quotas(self, name: str | None = None) -> Sequence[QuotaRoot]:
        """See `IMailAccount.quotas`: those of others' mailboxes with the right to read, under names of their own."""
        if name is None or self._namespaces.place_of(name) is None:
            return await self._own.quotas(name)
        account, inner = await self._allowed(name, letters.READ)
        found = await account.quotas(inner)
        return [replace(one, name=self._namespaces.root_of(account.name, one.name)) for one in found]

    async def set_quota(self, name: str, own: Limit) -> QuotaRoot:
        """See `IMailAccount.set_quota`: one's own."""
        if self._namespaces.place_of(name) is not None:
            raise refuse(NOT_ALLOWED)
        return await self._own.set_quota(name, own)

    async def kept(self) -> Sequence[KeptMailbox]:
        """See `IMailAccount.kept`: one's own."""
        return await self._own.kept()

    async def restore(self, name: str, into: str = "", since: int = 0, until: int = 0) -> int:
        """See `IMailAccount.restore`: one's own."""
        return await self._own.restore(name, into, since, until)

    async def listen(self, changed: Callable[[str], None]) -> Callable[[], None]:
        """See `IMailAccount.listen`."""
        owners = {self.name, *await self._store.shares.owners(self.name)}
        endings = [await (await self._account(owner)).listen(changed) for owner in owners]

        def stop() -> None:
            for ending in endings:
                ending()

        return stop

    def close(self) -> None:
        """See `IMailAccount.close`."""
        self._own.close()
        while self._others:
            self._others.popitem()[1].close()

    # Inside.

    async def _all(self) -> Rights:
        return ALL

    def _is_own(self, account: IMailAccount) -> bool:
        return account is self._own

    async def _account(self, owner: str) -> IMailAccount:
        if owner == self.name:
            return self._own
        account = self._others.get(owner)
        if account is None:
            account = self._others[owner] = await self._store.inner.account(owner)
        return account

    async def _place(self, name: str) -> tuple[IMailAccount, str]:
        """The account of a mailbox and its name there.

        Raises:
            MailframeError: ``NONEXISTENT``: no name of a mailbox, or nothing there is one's business.
        """
        place = self._namespaces.place_of(name)
        if place is None:
            return self._own, name
        if not place.owner or not place.name:
            raise refuse(NONEXISTENT)
        # Asked first: opening an account that does not exist would make it.
        if place.owner != self.name and place.owner not in await self._store.shares.owners(self.name):
            raise refuse(NONEXISTENT)
        return await self._account(place.owner), place.name

    async def _rights(self, account: IMailAccount, inner: str) -> Rights:
        """One's rights on a mailbox.

        Raises:
            MailframeError: ``NONEXISTENT``; also where one may not even know that it is there.
        """
        rights = await account.rights(inner, self.name)
        if not rights:
            raise refuse(NONEXISTENT)
        return rights

    async def _check(self, account: IMailAccount, inner: str, right: str) -> None:
        """Refuse what one has no right to. What one may not see is not there; one's own mailboxes one always sees.

        Raises:
            MailframeError: ``NOPERM`` or ``NONEXISTENT``.
        """
        rights = await self._rights(account, inner)
        if right not in rights:
            raise refuse(NOT_ALLOWED if letters.LOOKUP in rights else NONEXISTENT)

    async def _check_above(self, account: IMailAccount, inner: str) -> None:
        """Refuse to make a mailbox without the right to below the nearest one above that is there.

        Raises:
            MailframeError: ``NOPERM``, or ``NONEXISTENT`` where there is none above.
        """
        for above in reversed(superiors(inner)):
            try:
                await account.rights(above, self.name)
            except MailframeError as error:
                if error.status.word != NONEXISTENT.word:
                    raise
                continue
            await self._check(account, above, letters.CREATE)
            return
        if not self._is_own(account):
            raise refuse(NONEXISTENT)

    async def _allowed(self, name: str, right: str, missing_is: object = None) -> tuple[IMailAccount, str]:
        try:
            account, inner = await self._place(name)
            await self._check(account, inner, right)
        except MailframeError as error:
            if missing_is is not None and error.status.word == NONEXISTENT.word:
                raise refuse(TRYCREATE) from error
            raise
        return account, inner

    async def _annotated(self, name: str) -> tuple[IMailAccount, str]:
        """A mailbox whose annotations one may know: with the right to look it up, and any that is about its mail.

        Raises:
            MailframeError: ``NOPERM`` or ``NONEXISTENT``.
        """
        account, inner = await self._allowed(name, letters.LOOKUP)
        if not await self._rights(account, inner) & letters.ABOUT_MAIL:
            raise refuse(NOT_ALLOWED)
        return account, inner

    async def _visible_or_none(self, owner: str) -> Sequence[MailboxEntry]:
        """Somebody else's account that is damaged, or changes just now, keeps nobody from his own mailboxes."""
        try:
            return await self._visible(owner)
        except MailframeError as error:
            log.warn(
                "{account} does not see the mailboxes of {owner}: {error}",
                account=self.name, owner=owner, error=error,
            )  # fmt: skip
            return []

    async def _visible(self, owner: str) -> Sequence[MailboxEntry]:
        account, found = await self._account(owner), []
        for entry in await account.mailboxes():
            name = self._namespaces.name_of(owner, entry.name)
            if not name or not entry.selectable:
                continue
            try:
                rights = await account.rights(entry.name, self.name)
            except MailframeError as error:
                if error.status.word == NONEXISTENT.word:
                    # It was deleted just now.
                    continue
                raise
            if letters.LOOKUP in rights:
                found.append(MailboxEntry(name, entry.mailbox_id))
        return found

    async def _sets_all(self, account: IMailAccount, inner: str) -> bool:
        return {letters.SEEN, letters.DELETE_MESSAGES, letters.WRITE} <= await account.rights(
            inner, self.name
        )

    async def _flagged(
        self, account: IMailAccount, inner: str, messages: Sequence[NewMessage]
    ) -> Sequence[NewMessage]:
        return allowed_messages(messages, await account.rights(inner, self.name))

    async def _carried(
        self, source: IMailbox, uids: Sequence[int], account: IMailAccount, inner: str
    ) -> Copied:
        """Copy messages into another account: their octets are read and appended, all or none."""
        found = await source.fetch(uids, Item.FLAGS | Item.DATE | Item.SIZE)
        with carrying(sum(message.size for message in found)) as carried:
            await carried.load(source, found)
            messages = [
                NewMessage(content, message.flags, message.internal_date)
                for message, content in carried.found
            ]
            appended = await account.append(inner, await self._flagged(account, inner, messages))
        return Copied(appended.uidvalidity, [message.uid for message, _ in carried.found], appended.uids)

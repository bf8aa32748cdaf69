"""A store whose sessions see the mailboxes of others beside their own."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from mailframe.message.status import Status
from mailframe.store.interfaces import IMailAccount, IMailStore
from mailframe.store.values import Delivery

from .account import SharedAccount
from .namespaces import Namespaces
from .shares import Shares


@implementer(IMailStore)
class SharingStore:
    """See `IMailStore`; for sessions of IMAP. What comes by LMTP needs no rights.

    Args:
        inner: has the mail.
        shares: knows in which accounts somebody has rights.
        namespaces: the names above other people's mailboxes.
        anyone: rights may be given to anyone.
    """

    def __init__(
        self, inner: IMailStore, shares: Shares, namespaces: Namespaces, anyone: bool = False
    ) -> None:
        self.inner = inner
        self.shares = shares
        self.namespaces = namespaces
        self.anyone = anyone

    async def deliver(self, deliveries: Sequence[Delivery], atomic: bool = False) -> Sequence[Status]:
        """See `IMailStore.deliver`."""
        return await self.inner.deliver(deliveries, atomic)

    async def room(self, account: str) -> Status | None:
        """See `IMailStore.room`."""
        return await self.inner.room(account)

    async def account(self, name: str) -> IMailAccount:
        """See `IMailStore.account`."""
        return SharedAccount(await self.inner.account(name), self)

    async def remove_account(self, name: str) -> None:
        """See `IMailStore.remove_account`."""
        await self.inner.remove_account(name)
        await self.shares.note(name, ())

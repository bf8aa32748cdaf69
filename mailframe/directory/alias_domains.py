"""Alias domains: domains whose every address means the same local part in another domain of ours.

Resolved here, once for every backend, in front of the directory that has them. What has an entry of its own in an
alias domain keeps it: our own backends allow none there, but tables that other programs fill may have some.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from zope.interface import implementer, providedBy
from zope.interface.declarations import directlyProvides

from mailframe.message.address import Address
from mailframe.message.status import MailframeError

from .interfaces import IDirectory, INameAccounts
from .names import comparable_domain
from .refusals import MISCONFIGURED
from .values import Account, Alias, Credential, Domain

DEPTH = 5
"""Alias domains that may lead to each other; our own backends allow one."""


async def home_of(directory: IDirectory, name: str) -> Domain | None:
    """The domain that a domain's addresses are in: itself, but for an alias domain.

    Returns:
        It; None where the domain is not ours.

    Raises:
        MailframeError: temporary: the directory cannot be asked, or the alias domain leads nowhere.
    """
    found: Domain | None = await directory.domain(name)
    for _ in range(DEPTH):
        if found is None or not found.alias_of:
            return found
        alias, found = found, await directory.domain(found.alias_of)
        if found is None:
            raise MailframeError(
                MISCONFIGURED, f"the alias domain {alias.name} leads to {alias.alias_of}, which is not ours"
            )
    raise MailframeError(MISCONFIGURED, f"the alias domain {name} leads back to itself")


@implementer(IDirectory)
class AliasDomains:
    """A directory with its alias domains resolved; it provides what that provides, and has its other methods.

    Args:
        source: a directory; started and stopped with this one.
    """

    def __init__(self, source: IDirectory) -> None:
        self._source: Any = source
        directlyProvides(self, providedBy(source), INameAccounts)

    def __getattr__(self, name: str) -> Any:
        """What is not about addresses is asked of the directory itself: its feed, its administration."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._source, name)

    async def is_local(self, domain: str) -> bool:
        """Is this one of our domains? (see `IDirectory.is_local`)"""
        return bool(await self._source.is_local(domain))

    async def domain(self, name: str) -> Domain | None:
        """What is known of one of our domains, an alias domain as such (see `IDirectory.domain`)."""
        return cast("Domain | None", await self._source.domain(name))

    async def lookup(self, address: Address) -> Account | Alias | None:
        """What an address is, or what it means (see `IDirectory.lookup`).

        Raises:
            MailframeError: temporary: the directory cannot be asked, or the alias domain leads nowhere.
        """
        # What is there, which is most of what is asked, costs one question so.
        found = await self._source.lookup(address)
        if found is None:
            meant = await self._meant(address)
            found = None if meant is None else await self._source.lookup(meant)
        return cast("Account | Alias | None", found)

    async def account(self, name: str) -> Account | None:
        """The account of this name, which may be in an alias domain (see `IDirectory.account`)."""
        found = await self._source.account(name)
        if found is None:
            meant = await self.canonical(name)
            found = None if meant == name else await self._source.account(meant)
        return cast("Account | None", found)

    async def credential(self, name: str) -> Credential | None:
        """What the password of this account is checked against (see `ICredentialSource.credential`)."""
        found = await self._source.credential(name)
        if found is None:
            meant = await self.canonical(name)
            found = None if meant == name else await self._source.credential(meant)
        return cast("Credential | None", found)

    async def granted(self, account: str, address: Address) -> bool:
        """Was this address granted, by either of its names? (see `ISenderGrants.granted`)"""
        name = await self.canonical(account)
        if await self._source.granted(name, address):
            return True
        meant = await self._meant(address)
        return meant is not None and bool(await self._source.granted(name, meant))

    async def may_send_as(self, account: str, address: Address) -> bool:
        """Does this address belong to this account, by either of its names? (see `ISenderRights.may_send_as`)"""
        name = await self.canonical(account)
        if await self._source.may_send_as(name, address):
            return True
        meant = await self._meant(address)
        return meant is not None and bool(await self._source.may_send_as(name, meant))

    async def keep_keys(self, name: str, password_hash: str, keys: Sequence[str]) -> bool:
        """Keep keys beside a hash (see `IKeepKeys.keep_keys`)."""
        return bool(await self._source.keep_keys(await self.canonical(name), password_hash, keys))

    async def verify(self, name: str, password: bytes) -> bool:
        """Is this the password? (see `IVerifyPasswords.verify`)"""
        meant = await self.canonical(name)
        own = meant == name or await self._source.account(name) is not None
        return bool(await self._source.verify(name if own else meant, password))

    async def keep_hash(self, name: str, password_hash: str, new_hash: str) -> bool:
        """Keep another hash of the same password (see `IKeepHash.keep_hash`)."""
        return bool(await self._source.keep_hash(await self.canonical(name), password_hash, new_hash))

    async def _meant(self, address: Address) -> Address | None:
        """The address that one of an alias domain means; None for any other."""
        if not address.domain:
            return None
        home = await home_of(self._source, address.domain)
        if home is None or home.name == comparable_domain(address.domain):
            return None
        return Address(address.local_part, home.name)

    async def canonical(self, name: str) -> str:
        """The name in the domain that an alias domain stands for, any other as it is (see `INameAccounts`)."""
        local_part, _, domain = name.rpartition("@")
        if not domain:
            return name
        home = await home_of(self._source, domain)
        return name if home is None or not local_part else f"{local_part}@{home.name}"

"""Several directories as one: asked in order, or the one that a domain is written down for.

What is not local to a member is not asked of it. A member that cannot say now makes the answer temporary, unless an
earlier one has found what was asked for: that it is unknown to the others proves nothing then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from zope.interface import Interface

from mailframe.message.address import Address

from .entry_interfaces import IDirectoryFeed
from .interfaces import ICredentialSource, IKeepHash, IKeepKeys, ISenderGrants, IVerifyPasswords
from .names import comparable_domain, comparable_name
from .values import Account, Alias, Credential, Domain
from .wrapping import domain_of, provide_what


class ChainDirectory:
    """Directories one behind the other; who builds them starts and stops them.

    Args:
        members: asked in this order about every domain that is not in ``domains``.
        domains: which directory alone is asked about a domain.
    """

    def __init__(self, members: Sequence[Any], domains: Mapping[str, Any] | None = None) -> None:
        self._members = tuple(members)
        self._domains = {comparable_domain(name): (one,) for name, one in (domains or {}).items()}
        provide_what(self, [*self._members, *(one for (one,) in self._domains.values())])

    @property
    def feeds(self) -> Sequence[Any]:
        """The members that tell what is new in them."""
        found: list[Any] = []
        for member in dict.fromkeys((*self._members, *(one for (one,) in self._domains.values()))):
            found += [member] if IDirectoryFeed.providedBy(member) else getattr(member, "feeds", ())
        return found

    async def start(self) -> None:
        """Nothing of its own."""

    async def stop(self) -> None:
        """Nothing of its own."""

    async def is_local(self, domain: str) -> bool:
        """Is this a domain of a member? (see `IDirectory.is_local`)"""
        for member in self._asked(domain):
            if await member.is_local(domain):
                return True
        return False

    async def domain(self, name: str) -> Domain | None:
        """What the first member that has the domain knows of it (see `IDirectory.domain`)."""
        for member in self._asked(name):
            found: Domain | None = await member.domain(name)
            if found is not None:
                return found
        return None

    async def lookup(self, address: Address) -> Account | Alias | None:
        """What the first member that knows the address says (see `IDirectory.lookup`)."""
        async for member in self._local(address.domain):
            found: Account | Alias | None = await member.lookup(address)
            if found is not None:
                return found
        return None

    async def account(self, name: str) -> Account | None:
        """The account of this name of the first member that has it (see `IDirectory.account`)."""
        return (await self._owner(name))[1]

    async def credential(self, name: str) -> Credential | None:
        """The credential in the member that has the account (see `ICredentialSource.credential`).

        A member without passwords hides none of another: it is passed by.
        """
        return (await self._source(name))[1]

    async def keep_keys(self, name: str, password_hash: str, keys: Sequence[str]) -> bool:
        """Keep keys in the member that the credential is from (see `IKeepKeys.keep_keys`)."""
        member = await self._keeper(name, IKeepKeys)
        return member is not None and bool(await member.keep_keys(name, password_hash, keys))

    async def verify(self, name: str, password: bytes) -> bool:
        """Ask the member that has the account (see `IVerifyPasswords.verify`)."""
        member, found = await self._source(name)
        if found is None:
            # Whoever would have it is asked all the same: that takes its time.
            member = await self._verifier(name)
        return (
            member is not None
            and IVerifyPasswords.providedBy(member)
            and bool(await member.verify(name, password))
        )

    async def keep_hash(self, name: str, password_hash: str, new_hash: str) -> bool:
        """Keep a better hash in the member that the credential is from (see `IKeepHash.keep_hash`)."""
        member = await self._keeper(name, IKeepHash)
        return member is not None and bool(await member.keep_hash(name, password_hash, new_hash))

    async def granted(self, account: str, address: Address) -> bool:
        """What the member that has the account knows of its grants (see `ISenderGrants.granted`)."""
        member, found = await self._owner(account)
        if found is None or not ISenderGrants.providedBy(member):
            return False
        return bool(await member.granted(account, address))

    def _asked(self, domain: str) -> tuple[Any, ...]:
        return self._domains.get(comparable_domain(domain), self._members)

    async def _local(self, domain: str) -> AsyncIterator[Any]:
        """The members that a domain is local to, one after the other.

        A name without a domain belongs to whoever knows it.
        """
        for member in self._asked(domain):
            if not domain or await member.is_local(domain):
                yield member

    async def _owner(self, name: str) -> tuple[Any, Account | None]:
        async for member in self._local(domain_of(comparable_name(name))):
            found: Account | None = await member.account(name)
            if found is not None:
                return member, found
        return None, None

    async def _source(self, name: str) -> tuple[Any, Credential | None]:
        async for member in self._local(domain_of(comparable_name(name))):
            if ICredentialSource.providedBy(member):
                found: Credential | None = await member.credential(name)
                if found is not None:
                    return member, found
        return None, None

    async def _verifier(self, name: str) -> Any:
        async for member in self._local(domain_of(comparable_name(name))):
            if IVerifyPasswords.providedBy(member):
                return member
        return None

    async def _keeper(self, name: str, interface: type[Interface]) -> Any:
        """The member that the credential of an account is from, where it can keep something beside it."""
        member, found = await self._source(name)
        return member if found is not None and interface.providedBy(member) else None

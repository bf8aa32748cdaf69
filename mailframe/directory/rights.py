"""Which sender addresses belong to an account, answered from any directory."""

from __future__ import annotations

from typing import Literal

from zope.interface import implementer

from mailframe.message.address import Address

from .interfaces import IDirectory, ISenderGrants, ISenderRights
from .names import comparable_name, name_of
from .values import Account, Alias

ALIAS_DEPTH = 10
"""Aliases that may lead to each other, as in routing."""
ALIAS_SIZE = 20_000
"""Addresses an alias may stand for in all, as in routing."""

Aliases = Literal["also", "only", "none"]
"""Which aliases count as an account's own: those that lead also to it, only to it, or none."""


@implementer(ISenderRights)
class DirectoryRights:
    """An account's own address, its aliases, their subaddresses, and what was granted to it.

    Args:
        directory: accounts and aliases.
        grants: what else accounts may send as; None for nothing.
        delimiter: parts user and subaddress, "" for no subaddresses (RFC 5233).
        aliases: which aliases count.
    """

    def __init__(
        self,
        directory: IDirectory,
        grants: ISenderGrants | None = None,
        delimiter: str = "+",
        aliases: Aliases = "also",
    ) -> None:
        self._directory = directory
        self._grants = grants
        self._delimiter = delimiter
        self._aliases = aliases

    async def may_send_as(self, account: str, address: Address) -> bool:
        """Does this address belong to this account? (see `ISenderRights.may_send_as`)"""
        owner = await self._directory.account(comparable_name(account))
        if owner is None or not owner.enabled:
            # Logged in, but gone or shut out since.
            return False
        name = owner.name
        for form in self._forms(address):
            if name_of(form) == name or await self._is_own(name, form):
                return True
            if self._grants is not None and await self._grants.granted(name, form):
                return True
        return False

    def _forms(self, address: Address) -> list[Address]:
        """The address, and what it is a subaddress of."""
        forms = [address]
        if self._delimiter:
            user, delimiter, _ = address.local_part.partition(self._delimiter)
            if delimiter and user:
                forms.append(Address(user, address.domain))
        return forms

    async def _is_own(self, name: str, address: Address) -> bool:
        """Is it another name of the account, as in an alias domain, or an alias that counts?"""
        found = await self._directory.lookup(address)
        if not isinstance(found, Alias):
            return found is not None and found.name == name
        if self._aliases == "none":
            return False
        leads_here, leads_elsewhere = await self._ends(name, found)
        return leads_here and (self._aliases == "also" or not leads_elsewhere)

    async def _ends(self, name: str, alias: Alias) -> tuple[bool, bool]:
        """Does an alias lead to this account, and to anybody else?"""
        seen = {name_of(alias.address)}
        level = list(alias.targets)
        here = elsewhere = False
        for _ in range(ALIAS_DEPTH):
            deeper: list[Address] = []
            for target in level:
                if name_of(target) in seen:
                    continue
                seen.add(name_of(target))
                if len(seen) > ALIAS_SIZE:
                    return here, True
                found = await self._find(target)
                if isinstance(found, Alias):
                    deeper += found.targets
                elif found is not None and found.name == name:
                    if self._aliases == "also":
                        # Of a large group nobody else need be looked up.
                        return True, elsewhere
                    here = True
                else:
                    elsewhere = True
            level = deeper
        # What lies deeper than is looked is somebody else's, for all we know.
        return here, elsewhere or bool(level)

    async def _find(self, address: Address) -> Account | Alias | None:
        for form in self._forms(address):
            found = await self._directory.lookup(form)
            if found is not None:
                return found
        return None

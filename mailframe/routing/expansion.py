"""Aliases that lead out of the house, for roles that take mail from our own users: who is meant, each by name.

Strangers' mail never comes here: an exchanger's router knows mailboxes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailframe.directory.interfaces import IDirectory
from mailframe.directory.refusals import MISCONFIGURED
from mailframe.directory.values import Alias
from mailframe.message.address import Address
from mailframe.message.status import MailframeError

from .local import ALIAS_DEPTH, ALIAS_SIZE


@dataclass(slots=True)
class _Found:
    """What a walk along aliases came by: all targets that are no aliases, in order."""

    seen: set[Address] = field(default_factory=set)
    targets: list[Address] = field(default_factory=list)
    abroad: bool = False


class Expansion:
    """Follows aliases.

    Args:
        directory: domains and aliases.
    """

    def __init__(self, directory: IDirectory) -> None:
        self._directory = directory

    async def targets(self, address: Address) -> Sequence[Address] | None:
        """Whom an alias stands for in the end, in order, each once.

        Args:
            address: any.

        Returns:
            Addresses of ours and of others; None where it is no alias, or one that stays in the house.

        Raises:
            MailframeError: temporary: the directory cannot be asked, or the alias is too deep or too large.
        """
        alias = await self._alias(address)
        if alias is None:
            return None
        found = _Found({address, alias.address})
        level: Sequence[Address] = alias.targets
        for _ in range(ALIAS_DEPTH):
            level = await self._deeper(address, level, found)
            if not level:
                return found.targets if found.abroad else None
        raise MailframeError(MISCONFIGURED, f"alias {address} is deeper than {ALIAS_DEPTH} aliases")

    async def _deeper(self, alias: Address, level: Sequence[Address], found: _Found) -> Sequence[Address]:
        """Sort the targets of one level; the targets of those that are aliases are the next."""
        deeper: list[Address] = []
        for target in level:
            if target in found.seen:
                continue
            found.seen.add(target)
            if len(found.seen) > ALIAS_SIZE:
                raise MailframeError(MISCONFIGURED, f"alias {alias} stands for more than {ALIAS_SIZE}")
            inner = await self._alias(target)
            if inner is not None:
                deeper += inner.targets
            else:
                found.targets.append(target)
                found.abroad = found.abroad or not await self._is_local(target)
        return deeper

    async def _alias(self, address: Address) -> Alias | None:
        if not address.domain or not await self._is_local(address):
            return None
        found = await self._directory.lookup(address)
        return found if isinstance(found, Alias) else None

    async def _is_local(self, address: Address) -> bool:
        return await self._directory.is_local(address.domain)

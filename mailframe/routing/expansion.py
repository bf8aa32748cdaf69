"""Aliases that lead out of the house, for roles that take mail from our own users: who is meant, each by name.

Strangers' mail never comes here: an exchanger's router knows mailboxes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailframe.directory.interfaces import IDirectory
from mailframe.directory.names import name_of
from mailframe.directory.refusals import MISCONFIGURED
from mailframe.directory.values import Account, Alias
from mailframe.message.address import Address
from mailframe.message.status import MailframeError

from .local import ALIAS_DEPTH, ALIAS_SIZE
from .meaning import Meanings


@dataclass(slots=True)
class _Found:
    """What a walk along aliases came by: all targets that are no aliases, in order, by what they are."""

    seen: set[Address] = field(default_factory=set)
    targets: dict[str, Address] = field(default_factory=dict)
    abroad: bool = False


class Expansion:
    """Follows aliases.

    Args:
        directory: domains and aliases.
        delimiter: parts user and subaddress; "" for no subaddresses.
    """

    def __init__(self, directory: IDirectory, delimiter: str = "+") -> None:
        self._directory = directory
        self._meanings = Meanings(directory, delimiter)

    async def targets(self, address: Address) -> Sequence[Address] | None:
        """Whom an alias stands for in the end, in order, each once.

        Args:
            address: any; one that only a catch-all takes is an alias of those who get its mail.

        Returns:
            Addresses of ours and of others; None where it is no alias, or one that stays in the house.

        Raises:
            MailframeError: temporary: the directory cannot be asked, or the alias is too deep or too large.
        """
        if not address.domain or not await self._directory.is_local(address.domain):
            return None
        meaning = await self._meanings.find(address)
        if not isinstance(meaning.found, Alias):
            return None
        found = _Found({address, meaning.found.address})
        level: Sequence[Address] = meaning.found.targets
        for _ in range(ALIAS_DEPTH):
            level = await self._deeper(address, level, found, caught=meaning.caught is not None)
            if not level:
                return list(found.targets.values()) if found.abroad else None
        raise MailframeError(MISCONFIGURED, f"alias {address} is deeper than {ALIAS_DEPTH} aliases")

    async def _deeper(
        self, alias: Address, level: Sequence[Address], found: _Found, *, caught: bool
    ) -> Sequence[Address]:
        """Sort the targets of one level; the targets of those that are aliases are the next."""
        deeper: list[Address] = []
        for target in level:
            if target in found.seen:
                continue
            found.seen.add(target)
            if len(found.seen) > ALIAS_SIZE:
                raise MailframeError(MISCONFIGURED, f"alias {alias} stands for more than {ALIAS_SIZE}")
            if not target.domain or not await self._directory.is_local(target.domain):
                found.abroad = True
                found.targets.setdefault(str(target), target)
                continue
            meaning = await self._meanings.find(target)
            if isinstance(meaning.found, Alias) and not (caught and meaning.caught is not None):
                deeper += meaning.found.targets
            elif isinstance(meaning.found, Account):
                # One mailbox has many names: subaddresses, and those of alias domains.
                found.targets.setdefault(f"{meaning.tag} {meaning.found.name}", target)
            else:
                found.targets.setdefault(name_of(target), target)
        return deeper

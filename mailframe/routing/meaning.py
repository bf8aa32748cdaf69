"""What an address of ours means, for everything that routes: itself, what it is a subaddress of, or the catch-all."""

from __future__ import annotations

from dataclasses import dataclass

from mailframe.directory.alias_domains import home_of
from mailframe.directory.interfaces import IDirectory
from mailframe.directory.values import Account, Alias
from mailframe.message.address import Address


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one address means.

    Attributes:
        found: who or what has it; for a catch-all, an alias for those who get its mail; None for nobody.
        tag: what was cut off to find that.
        caught: for a catch-all, the address in its own domain, without its tag; it is nobody's.
    """

    found: Account | Alias | None
    tag: str = ""
    caught: Address | None = None


NOBODY = Meaning(None)


class Meanings:
    """Finds out.

    Args:
        directory: domains, accounts and aliases; alias domains are resolved there.
        delimiter: parts user and subaddress; "" for no subaddresses (RFC 5233).
    """

    def __init__(self, directory: IDirectory, delimiter: str = "+") -> None:
        self._directory = directory
        self._delimiter = delimiter

    async def find(self, address: Address) -> Meaning:
        """What an address of one of our domains means.

        Raises:
            MailframeError: temporary: the directory cannot be asked, or the domain is not set up properly.
        """
        found = await self._directory.lookup(address)
        if found is not None:
            return Meaning(found)
        user, tag = self._parts(address.local_part)
        if tag is not None:
            found = await self._directory.lookup(Address(user, address.domain))
            if found is not None:
                return Meaning(found, tag)
        home = await home_of(self._directory, address.domain)
        if home is None or not home.catch_all:
            return NOBODY
        caught = Address(user, home.name)
        return Meaning(Alias(caught, home.catch_all), caught=caught)

    def _parts(self, local_part: str) -> tuple[str, str | None]:
        """User and tag; None where there is no tag."""
        if self._delimiter:
            user, delimiter, tag = local_part.partition(self._delimiter)
            if delimiter and user:
                return user, tag
        return local_part, None

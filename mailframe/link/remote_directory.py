"""The directory of another node, asked over a link: above all, to keep a copy of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from zope.interface import implementer

from mailframe.directory.entries import Batch, Entry, Key
from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.interfaces import ICredentialSource, IDirectory, IKeepHash, IKeepKeys, ISenderGrants
from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

from .asking import Asking
from .directory_values import from_key, to_batch, to_value

T = TypeVar("T")


@implementer(IDirectory, ICredentialSource, IKeepKeys, IKeepHash, ISenderGrants, IDirectoryFeed)
class RemoteDirectory:
    """What another node's directory answers.

    What that directory does not have is answered as unknown, and not kept.

    Args:
        link: to its service.
    """

    tells_removals = True

    def __init__(self, link: Asking) -> None:
        self._link = link

    async def start(self) -> None:
        """Nothing: the connection is made by the first question."""

    async def stop(self) -> None:
        """Close the connection; safe to call twice."""
        self._link.close()

    async def is_local(self, domain: str) -> bool:
        """See `IDirectory.is_local`."""
        return await self.domain(domain) is not None

    async def domain(self, name: str) -> Domain | None:
        """See `IDirectory.domain`."""
        return cast("Domain | None", await self._value("domain", name=name))

    async def lookup(self, address: Address) -> Account | Alias | None:
        """See `IDirectory.lookup`."""
        found = await self._value("lookup", address=[address.local_part, address.domain])
        return cast("Account | Alias | None", found)

    async def account(self, name: str) -> Account | None:
        """See `IDirectory.account`."""
        return cast("Account | None", await self._value("account", name=name))

    async def credential(self, name: str) -> Credential | None:
        """See `ICredentialSource.credential`."""
        return cast("Credential | None", await self._value("credential", name=name))

    async def granted(self, account: str, address: Address) -> bool:
        """See `ISenderGrants.granted`."""
        return bool(await self._value("granted", name=account, address=[address.local_part, address.domain]))

    async def keep_keys(self, name: str, password_hash: str, keys: Sequence[str]) -> bool:
        """See `IKeepKeys.keep_keys`."""
        return bool(await self._value("keep_keys", name=name, hash=password_hash, keys=list(keys)))

    async def keep_hash(self, name: str, password_hash: str, new_hash: str) -> bool:
        """See `IKeepHash.keep_hash`."""
        return bool(await self._value("keep_hash", name=name, hash=password_hash, new=new_hash))

    async def version(self) -> str:
        """See `IDirectoryFeed.version`."""

        def read(said: Any) -> str:
            self.tells_removals = bool(said["tells_removals"])
            return str(said["version"])

        return await self._ask(read, "version")

    async def entries(self, after: Key | None = None, limit: int = 1000) -> Sequence[Entry]:
        """See `IDirectoryFeed.entries`."""

        def read(said: Any) -> Sequence[Entry]:
            return [to_value(one) for one in said]

        return await self._ask(read, "entries", after=from_key(after), limit=limit)

    async def changes(self, since: str, limit: int = 1000) -> Batch | None:
        """See `IDirectoryFeed.changes`."""
        return await self._ask(to_batch, "changes", since=since, limit=limit)

    def listen(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Nobody hints: the other node is asked."""
        return lambda: None

    async def _value(self, call: str, **arguments: Any) -> Any:
        return await self._ask(to_value, call, **arguments)

    async def _ask(self, read: Callable[[Any], T], call: str, **arguments: Any) -> T:
        try:
            frame = await self._link.call({"call": call, **arguments})
            return read(frame.header["answer"])
        except MailframeError as error:
            raise MailframeError(CANNOT_LOOK_UP, error.reason) from error
        except (KeyError, TypeError, ValueError) as error:
            raise MailframeError(
                CANNOT_LOOK_UP, "the other node answers what is nothing of a directory"
            ) from error

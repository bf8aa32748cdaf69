"""A service of links: a node's directory, for copies of it on other nodes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from zope.interface import implementer

from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.interfaces import ICredentialSource, IKeepHash, IKeepKeys, ISenderGrants
from mailframe.message.address import Address
from mailframe.message.status import MailframeError, Status

from .directory_values import from_batch, from_value, to_key
from .frames import Frame
from .interfaces import ILinkService

NAME = "directory"
PAGE_LIMIT = 1000
"""Entries of one answer."""
NO_FEED = Status((5, 5, 4), "The directory of this node cannot tell what is new in it")


@implementer(ILinkService)
class DirectoryService:
    """Answers what is asked about a directory, and keeps what services have to keep in it.

    Args:
        directory: the node's.
    """

    def __init__(self, directory: Any) -> None:
        self._directory = directory
        self._calls: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "domain": self._domain,
            "lookup": self._lookup,
            "account": self._account,
            "credential": self._credential,
            "granted": self._granted,
            "keep_keys": self._keep_keys,
            "keep_hash": self._keep_hash,
            "version": self._version,
            "entries": self._entries,
            "changes": self._changes,
        }

    async def call(self, request: Frame) -> Frame:
        """See `ILinkService.call`."""
        return Frame({"answer": await self._calls[request.header["call"]](request.header)})

    def close(self) -> None:
        """See `ILinkService.close`."""

    async def _domain(self, said: dict[str, Any]) -> Any:
        return from_value(await self._directory.domain(_text(said["name"])))

    async def _lookup(self, said: dict[str, Any]) -> Any:
        return from_value(await self._directory.lookup(_address(said["address"])))

    async def _account(self, said: dict[str, Any]) -> Any:
        return from_value(await self._directory.account(_text(said["name"])))

    async def _credential(self, said: dict[str, Any]) -> Any:
        if not ICredentialSource.providedBy(self._directory):
            return None
        return from_value(await self._directory.credential(_text(said["name"])))

    async def _granted(self, said: dict[str, Any]) -> bool:
        if not ISenderGrants.providedBy(self._directory):
            return False
        return bool(await self._directory.granted(_text(said["name"]), _address(said["address"])))

    async def _keep_keys(self, said: dict[str, Any]) -> bool:
        if not IKeepKeys.providedBy(self._directory):
            return False
        keys = [_text(one) for one in said["keys"]]
        return bool(await self._directory.keep_keys(_text(said["name"]), _text(said["hash"]), keys))

    async def _keep_hash(self, said: dict[str, Any]) -> bool:
        if not IKeepHash.providedBy(self._directory):
            return False
        hashes = _text(said["hash"]), _text(said["new"])
        return bool(await self._directory.keep_hash(_text(said["name"]), *hashes))

    async def _version(self, said: dict[str, Any]) -> dict[str, Any]:
        feed = self._feed
        return {"version": await feed.version(), "tells_removals": bool(feed.tells_removals)}

    async def _entries(self, said: dict[str, Any]) -> list[Any]:
        found = await self._feed.entries(to_key(said["after"]), _limit(said["limit"]))
        return [from_value(entry) for entry in found]

    async def _changes(self, said: dict[str, Any]) -> dict[str, Any]:
        return from_batch(await self._feed.changes(_text(said["since"]), _limit(said["limit"])))

    @property
    def _feed(self) -> Any:
        if not IDirectoryFeed.providedBy(self._directory):
            raise MailframeError(NO_FEED)
        return self._directory


def _limit(said: object) -> int:
    return max(1, min(int(said), PAGE_LIMIT)) if isinstance(said, int) else PAGE_LIMIT


def _text(said: object) -> str:
    if not isinstance(said, str):
        raise ValueError("expected a text")
    return said


def _address(said: Any) -> Address:
    local_part, domain = said
    return Address(_text(local_part), _text(domain))

"""The link of a store: where other nodes of ours read accounts that move there, and the directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet.interfaces import IReactorTime

from mailframe.directory.interfaces import IDirectory
from mailframe.link import directories
from mailframe.link.accounts import NAME, AccountService
from mailframe.link.interfaces import ILinkService
from mailframe.link.server import LinkServerFactory
from mailframe.message.networks import Networks
from mailframe.message.status import MailframeError
from mailframe.registry import PluginUnavailable
from mailframe.store.interfaces import IMailStore

from .context import Context
from .listening import Listener


@dataclass(frozen=True)
class Link:
    """Where it listens, and for whom.

    Attributes:
        listeners: where.
        key: the shared key.
        networks: where our nodes are.
        directory: whose copies they may keep.
    """

    listeners: Sequence[Listener]
    key: str
    networks: Networks
    directory: IDirectory

    def factory(self, store: IMailStore, clock: IReactorTime) -> LinkServerFactory:
        """What answers there."""
        services: dict[str, Callable[[], ILinkService]] = {
            NAME: lambda: cast(ILinkService, AccountService(store, Existence(store).exists)),
            directories.NAME: lambda: cast(ILinkService, directories.DirectoryService(self.directory)),
        }
        return LinkServerFactory(self.key, services, self.networks, clock)


class Existence:
    """Tells which accounts have mail in a store, without making any.

    Args:
        store: the store; one that cannot tell is asked for any.
    """

    def __init__(self, store: IMailStore) -> None:
        self._work: Any = getattr(store, "work", None)

    async def exists(self, name: str) -> bool:
        """Has an account of this name any mailbox?"""
        if self._work is None:
            return True
        try:
            await self._work(name, lambda drop: None)
        except MailframeError as error:
            if error.status.word != "NONEXISTENT":
                raise
            return False
        return True


def build_link(context: Context, addresses: Sequence[str]) -> Link | None:
    """As it is configured; None where nobody may.

    Raises:
        PluginUnavailable: there is no key.
    """
    if not addresses:
        return None
    options = context.configuration.link
    if options is None:
        raise PluginUnavailable("[role.store] link: set the key that our nodes share, in [link]")
    return Link(context.listeners(addresses), options.key, Networks(options.networks), context.directory)

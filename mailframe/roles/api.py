"""The API of a node: served by one worker, over the directory that commands change."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime

from mailframe.api.entries import Directory
from mailframe.api.server import APIFactory
from mailframe.api.threads import Threads
from mailframe.api.tokens import KnownTokens
from mailframe.config.schema import Configuration
from mailframe.directory.entry_interfaces import IDirectoryEntries
from mailframe.directory.options import PasswordOptions
from mailframe.directory.passwords import make_hash
from mailframe.directory.salts import kept_secret
from mailframe.directory.scram_keys import new_keys
from mailframe.registry import PluginUnavailable
from mailframe.tls.interfaces import IServerContexts

from .backends import directory_admin
from .context import Context
from .listening import Listener, ListeningRole

NAME = "api"
TAGS = "api.key"
"""File in the data directory: keys the tags of entries."""


class APIRole(ListeningRole):
    """Listens for programs that administer the directory.

    Args:
        factory: answers them.
        listeners: where.
        clock: the reactor.
        threads: started before it listens.
        tls: certificates.
    """

    def __init__(
        self,
        factory: APIFactory,
        listeners: Sequence[Listener],
        clock: IReactorTime,
        threads: Threads,
        tls: IServerContexts | None = None,
    ) -> None:
        super().__init__(NAME, clock, [threads], tls)
        self._factory = factory
        self.open_doors(listeners, lambda implicit: factory)

    async def drain(self) -> None:
        """Listen no more, and end connections with the next answer."""
        await super().drain()
        self._factory.leave()

    def finish(self) -> None:
        """End connections without a request."""
        super().finish()
        for protocol in self._protocols():
            if protocol not in self._factory.busy:
                protocol.transport.loseConnection()  # type: ignore[attr-defined]


def build_api(context: Context) -> APIRole | None:
    """As it is configured; None where there is none, and in all workers but the first.

    Raises:
        PluginUnavailable: the directory is not changed by us.
    """
    options = context.configuration.api
    if options is None or context.number:
        return None
    entries: Any = directory_admin(context.configuration)
    if not IDirectoryEntries.providedBy(entries):
        name = context.configuration.directory.name
        raise PluginUnavailable(f'[api]: the directory "{name}" is changed where it has its accounts from')
    os.makedirs(context.data, mode=0o700, exist_ok=True)
    secret = kept_secret(os.path.join(context.data, TAGS))
    directory = Directory(IDirectoryEntries(entries), _Passwords(context.configuration), secret.encode())
    threads = Threads(context.reactor)
    context.keep(_Connections(entries))
    context.keep(threads)
    factory = APIFactory(
        directory, KnownTokens(options.tokens), threads, options, context.reactor, context.tallies
    )
    tls = (
        context.tls
        if any(listener.startswith(("ssl:", "haproxy:ssl:")) for listener in options.listen)
        else None
    )
    role = APIRole(factory, context.listeners(options.listen), context.reactor, threads, tls)
    context.add_health_checks(role)
    return role


class _Connections:
    """What administration of a directory holds open: ended when no thread uses it any more.

    It is not started: a database that is away keeps no node from starting.
    """

    def __init__(self, entries: Any) -> None:
        self._entries = entries

    async def stop(self) -> None:
        stop = getattr(self._entries, "stop", None)
        if stop is not None:
            await stop()


class _Passwords:
    """Makes what the directory keeps of passwords, as commands do."""

    def __init__(self, configuration: Configuration) -> None:
        self._options = configuration.authenticator.options

    def __call__(self, password: str) -> tuple[str, tuple[str, ...]]:
        options = self._options
        keys: tuple[str, ...] = ()
        if isinstance(options, PasswordOptions):
            keys = new_keys(password, options.scram_mechanisms, options.scram_iterations)
        return make_hash(password), keys

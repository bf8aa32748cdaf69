"""Builds directories that stand in front of others."""

from __future__ import annotations

import re
from typing import Any, cast

from OpenSSL import SSL
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.ssl import Certificate, optionsForClientTLS, platformTrust, trustRootFromCertificates

from mailframe.config.schema import Configuration
from mailframe.directory.cache import CacheDirectory
from mailframe.directory.chain import ChainDirectory
from mailframe.directory.chain_admin import ChainAdmin
from mailframe.directory.composed_options import (
    CacheOptions,
    ChainOptions,
    NodeDirectoryOptions,
    ReplicaOptions,
)
from mailframe.directory.entry_interfaces import IDirectoryEntries, IDirectoryFeed
from mailframe.directory.interfaces import IDirectoryAdmin
from mailframe.directory.replica.replica import ReplicaDirectory
from mailframe.link.asking import Asking
from mailframe.link.directories import NAME
from mailframe.link.remote_directory import RemoteDirectory
from mailframe.registry import PluginUnavailable

from .context import Context

FLUSH = "directory-flush"
"""The question by which ``mailframe directory flush`` makes caches forget."""


def build_chain(options: ChainOptions, context: Context) -> ChainDirectory:
    """Several directories as one."""
    if not options.members and not options.domains:
        raise PluginUnavailable('the directory "chain" has no members: name some in [directory.chain]')
    return ChainDirectory(
        [context.directory_named(name) for name in options.members],
        {domain: context.directory_named(name) for domain, name in options.domains.items()},
    )


def build_cache(options: CacheOptions, context: Context) -> CacheDirectory:
    """A directory whose answers are remembered."""
    cache = CacheDirectory(context.directory_named(options.source), options, context.reactor)
    context.caches.append(cache)

    async def flush(name: str = "") -> dict[str, int]:
        return {"forgotten": sum(one.flush(str(name)) for one in context.caches)}

    context.questions[FLUSH] = flush
    return cache


def build_replica(options: ReplicaOptions, context: Context) -> ReplicaDirectory:
    """A copy of a directory, filled by the first worker of the node."""
    source = context.directory_named(options.source)
    if not IDirectoryFeed.providedBy(source):
        raise PluginUnavailable(
            f'the directory "{options.source}" cannot tell what is new: no copy can be kept of it'
        )
    replica = ReplicaDirectory(source, options, context.reactor, context.number == 0)
    context.warnings["directory copy"] = replica.health
    return replica


def build_node(options: NodeDirectoryOptions, context: Context) -> RemoteDirectory:
    """The directory of another node."""
    link = context.configuration.link
    if link is None:
        raise PluginUnavailable('the directory "node" needs the key that our nodes share, in [link]')
    if not options.tls and options.host not in ("127.0.0.1", "::1", "localhost"):
        raise PluginUnavailable('the directory "node" needs TLS to another machine')
    endpoint: Any = HostnameEndpoint(context.reactor, options.host, options.port)
    if options.tls:
        endpoint = wrapClientTLS(optionsForClientTLS(options.host, _trust(options.ca_file)), endpoint)
    return RemoteDirectory(Asking(endpoint, link.key, NAME, context.reactor, options.timeout))


def _trust(path: str | None) -> Any:
    """Who may vouch for certificates."""
    if path is None:
        return platformTrust()
    try:
        with open(path, "rb") as file:
            return trustRootFromCertificates([Certificate.loadPEM(one) for one in _certificates(file.read())])
    except (OSError, ValueError, SSL.Error) as error:
        raise PluginUnavailable(f"no certificates can be read from {path}: {error}") from error


def _certificates(content: bytes) -> list[bytes]:
    found = re.findall(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", content, re.DOTALL)
    if not found:
        raise ValueError("there are none")
    return found


def composed_admin(configuration: Configuration, options: Any) -> IDirectoryAdmin | None:
    """What commands change instead of a directory in front of others; None when there is nothing."""
    if isinstance(options, ChainOptions):
        admins = _Admins(configuration)
        members = [one for one in map(admins.named, options.members) if one is not None]
        domains = {domain: admins.named(name) for domain, name in options.domains.items()}
        if not members and not any(domains.values()):
            return None
        return cast(IDirectoryAdmin, ChainAdmin(members, domains))
    if isinstance(options, CacheOptions | ReplicaOptions):
        return cast("IDirectoryAdmin | None", _Admins(configuration).named(options.source))
    return None


class _Admins:
    """Directories for commands, each made once."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._made: dict[str, IDirectoryEntries | None] = {}

    def named(self, name: str) -> IDirectoryEntries | None:
        """One; None when commands cannot change it."""
        # They name us, to be found under the name that everybody knows.
        from .backends import directory_admin

        if name not in self._made:
            found = directory_admin(self._configuration, self._configuration.directories[name])
            self._made[name] = (
                cast("IDirectoryEntries | None", found) if IDirectoryEntries.providedBy(found) else None
            )
        return self._made[name]

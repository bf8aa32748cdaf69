"""The store for commands: opened beside the node that uses it, in a process without a reactor."""

from __future__ import annotations

from typing import Any, NoReturn, cast

import attrs
from twisted.internet.task import Clock

from mailframe.config.schema import Choice, Configuration
from mailframe.directory.interfaces import IDirectory
from mailframe.registry import PluginUnavailable
from mailframe.store.hints import LocalHints
from mailframe.store.maildrop.surroundings import Policies
from mailframe.store.memory import MemoryStore
from mailframe.store.options import MemoryStoreOptions
from mailframe.store.quota import NOT_ENFORCED
from mailframe.store.values import Describe

from .backends import directory_admin
from .context import Context
from .quotas import DirectoryLimits


def store_for_commands(configuration: Configuration, unlimited: bool = False) -> Any:
    """The configured store; it does all its work at once, in the caller's thread.

    What the node does to all mail (copies for the ingest log, retention, warnings) it does not do.

    Args:
        configuration: a checked one.
        unlimited: without a quota.

    Raises:
        PluginUnavailable: it cannot be used by another process than the node's.
    """
    choice = configuration.store
    if isinstance(choice.options, MemoryStoreOptions):
        raise PluginUnavailable("mail in memory is seen by its own process only, and by no command")
    # No reactor, so nothing happens later: a store that is stopped has flushed everything.
    context = Context(configuration, Clock(), LocalHints(), _no_endpoint)
    context.store_policies = Policies(quota=NOT_ENFORCED) if unlimited else _quotas(configuration, context)
    return _at_once(choice).build(context)


def forgetful_store(describe: Describe) -> MemoryStore:
    """A store for what is only tried: it is forgotten at the end."""
    return MemoryStore(describe, mailboxes={})


def _quotas(configuration: Configuration, context: Context) -> Policies:
    """What the node's store refuses for want of room, a command's does, too."""
    options, directory = configuration.quota, directory_admin(configuration)
    limits = (
        None
        if directory is None
        else DirectoryLimits(cast(IDirectory, directory), context.reactor, options.messages)
    )
    return Policies(quota=options.rules, limits=limits)


def _at_once(choice: Choice) -> Choice:
    """The same choice without threads."""
    wanted: dict[str, Any] = {"threads": 0, "journal": False}
    names = {field.name for field in attrs.fields(type(choice.options))}
    changes = {name: value for name, value in wanted.items() if name in names}
    return attrs.evolve(choice, options=attrs.evolve(choice.options, **changes))


def _no_endpoint(address: str) -> NoReturn:
    raise RuntimeError("a command listens nowhere")

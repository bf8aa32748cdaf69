"""What stands behind a queue, built from the configuration: ways out, and routes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from twisted.internet.threads import deferToThreadPool

from mailframe.delivery.interfaces import IDelivery
from mailframe.delivery.remote_options import RemoteOptions
from mailframe.queue.notices import Notices
from mailframe.queue.queue import Queue, QueueDelivery
from mailframe.registry import PluginUnavailable
from mailframe.routing.expansion import Expansion
from mailframe.routing.local import LocalRouter
from mailframe.routing.options import RouteOptions
from mailframe.routing.table import RoutingTable, Rule

if TYPE_CHECKING:
    from .context import Context

QUEUE = "queue"
"""The plugin that puts mail into the queue; no way out of it."""


def build_queue(context: Context) -> Queue:
    """The queue with its spool, its routes, and all ways that these name.

    Raises:
        PluginUnavailable: a way leads back into the queue.
    """
    configuration = context.configuration
    return Queue(
        context.spool,
        routing_table(context),
        ways(context),
        context.reactor,
        configuration.queue,
        context.hostname,
        notices(context),
        tallies=context.tallies,
        free_disk=free_disk(context),
    )


def queue_delivery(context: Context) -> QueueDelivery:
    """The way into the queue."""
    return QueueDelivery(context.queue)


def is_queue(context: Context, name: str | None) -> bool:
    """Is the delivery of this name the queue of this node?"""
    return name is not None and context.configuration.deliveries[name].plugin == QUEUE


def ways(context: Context) -> Mapping[str, IDelivery]:
    """All ways that routes of this configuration can name.

    Raises:
        PluginUnavailable: one is the queue itself.
    """
    routing = context.configuration.routing
    slow = context.configuration.queue.slow_way
    named = [routing.local, routing.default, slow, *(rule.way for rule in routing.rules)]
    names = list(dict.fromkeys(name for name in named if name))
    for name in names:
        if context.configuration.deliveries[name].plugin == QUEUE:
            raise PluginUnavailable(f'the way "{name}" leads back into the queue: name another delivery')
    return {name: context.delivery(name) for name in names}


def routing_table(context: Context) -> RoutingTable:
    """The routes of ``[routing]``."""
    options = context.configuration.routing
    deliveries = context.configuration.deliveries
    return RoutingTable(
        options.default,
        [_rule(rule) for rule in options.rules],
        local=_local(context) if options.local is not None else None,
        directory=context.directory if options.local is not None else None,
        local_way=options.local or "",
        by_domain=[name for name, one in deliveries.items() if isinstance(one.options, RemoteOptions)],
    )


def expansion(context: Context) -> Expansion | None:
    """What knows aliases that lead out of the house; None where they are not followed."""
    options = context.configuration.routing
    if options.local is None or options.aliases == "keep":
        return None
    return Expansion(context.directory)


def _local(context: Context) -> LocalRouter:
    options = context.configuration.routing
    return LocalRouter(
        context.directory, options.delimiter, None, context.hostname, options.subaddress_mailboxes
    )


def _rule(options: RouteOptions) -> Rule:
    return Rule(
        domains=options.domains,
        recipients=options.recipients,
        senders=options.senders,
        logins=options.logins,
        classes=options.classes,
        way=options.way or "",
        queue=options.queue or "",
    )


def notices(context: Context) -> Notices:
    """What writes notices to senders."""
    return Notices(context.hostname, context.configuration.notices, context.reactor.seconds)


def free_disk(context: Context) -> Callable[[], Awaitable[int]]:
    """Tells how many octets are free where mail is kept; in a thread, since a broken disk may hang."""

    async def ask() -> int:
        pool = context.reactor.getThreadPool()
        return await deferToThreadPool(context.reactor, pool, _free, context.data)

    return ask


def _free(path: str) -> int:
    facts = os.statvfs(path)
    return facts.f_bavail * facts.f_frsize

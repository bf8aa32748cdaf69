"""What stands behind a queue, built from the configuration: ways out, and routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from zope.interface import implementer

from mailframe.config.schema import Configuration
from mailframe.delivery.forwarding import ForwardingDelivery
from mailframe.delivery.interfaces import IDelivery
from mailframe.delivery.options import StoreDeliveryOptions
from mailframe.delivery.remote_options import RemoteOptions
from mailframe.delivery.store import StoreDelivery
from mailframe.message.mail import MailObject
from mailframe.message.status import Status
from mailframe.queue.direct import ExpandingDelivery
from mailframe.queue.disk import free_octets
from mailframe.queue.notices import Notices
from mailframe.queue.queue import Queue, QueueDelivery
from mailframe.queue.spool.options import SQLiteSpoolOptions
from mailframe.registry import PluginUnavailable
from mailframe.routing.expansion import Expansion
from mailframe.routing.interfaces import IMailRouter, Route
from mailframe.routing.local import LocalRouter
from mailframe.routing.onward import OnwardRouter
from mailframe.routing.options import RouteOptions
from mailframe.routing.roles import ByRole, OneWay, SubmissionRouter
from mailframe.routing.table import RoutingTable, Rule

from .options import RelayOptions

if TYPE_CHECKING:
    from .context import Context

QUEUE = "queue"
"""The plugin that puts mail into the queue; no way out of it."""
RELAY = "relay"
"""The role that puts mail aside where a sender is over a limit."""
MAILBOXES = "role.relay"
"""The way of a relay without a router, into mailboxes: by a name that no delivery has."""


def build_queue(context: Context) -> Queue:
    """The queue with its spool, its routes, and all ways that these name.

    Raises:
        PluginUnavailable: a way leads back into the queue.
    """
    configuration = context.configuration
    router, deliveries = _routes(context)
    return Queue(
        context.spool,
        router,
        deliveries,
        context.reactor,
        configuration.queue,
        context.hostname,
        notices(context),
        tallies=context.tallies,
        free_disk=free_octets(context.reactor, disk(context)),
        counting=context.number == 0,
        expansion=expansion(context) if _sends(configuration) else None,
    )


def _routes(context: Context) -> tuple[IMailRouter, Mapping[str, IDelivery]]:
    """Which ways the queue knows: those of ``[routing]``, and that of a relay which only puts mail aside here."""
    relay = _relay_options(context)
    if relay is None or is_queue(context, relay.router):
        return routing_table(context), ways(context)
    aside, way, delivery = _way_of(relay, context)
    if not _sends(context.configuration):
        # Other ways, such as that to all the world, are not even built.
        return aside, {**_slow_way(context), way: delivery}
    return ByRole(routing_table(context), {RELAY: aside}), {**ways(context), way: delivery}


def _relay_options(context: Context) -> RelayOptions | None:
    choice = context.configuration.roles.get(RELAY)
    return choice.options if choice is not None and isinstance(choice.options, RelayOptions) else None


def _way_of(options: RelayOptions, context: Context) -> tuple[OneWay, str, IDelivery]:
    """Where a relay's mail goes without a queue: to its next hop, or into mailboxes of this node."""
    if options.router is not None:
        return OneWay(OnwardRouter(), options.router), options.router, context.delivery(options.router)
    local = LocalRouter(
        context.directory,
        options.delimiter,
        context.postmaster(options.postmaster),
        context.hostname,
        options.subaddress_mailboxes,
        guard=context.catch_all,
    )
    delivery = StoreDelivery(context.here, context.reactor.seconds)
    return OneWay(SubmissionRouter(local, context.directory), MAILBOXES), MAILBOXES, delivery


def _sends(configuration: Configuration) -> bool:
    """Does anybody on this node send by the queue, as ``[routing]`` has it?"""
    by_name = any(choice.plugin == QUEUE for choice in configuration.deliveries.values())
    return by_name or "router" in configuration.roles or configuration.tlsrpt is not None


def _slow_way(context: Context) -> Mapping[str, IDelivery]:
    slow = context.configuration.queue.slow_way
    return {slow: context.delivery(slow)} if slow is not None else {}


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
    return {name: _way_out(context, name) for name in names}


def _way_out(context: Context, name: str) -> IDelivery:
    """One way by its name; copies for accounts of this node that forward their mail come into the queue again."""
    delivery = context.delivery(name)
    if not isinstance(context.configuration.deliveries[name].options, StoreDeliveryOptions):
        return delivery
    return ForwardingDelivery(delivery, context.here, context.directory, _ToQueue(context))


@implementer(IDelivery)
class _ToQueue:
    """The way into the queue that is being built."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`."""
        return await _into_queue(self._context).deliver(mail, routes, atomic)


def _into_queue(context: Context) -> IDelivery:
    """The way into the queue, by the targets of aliases that lead out of the house."""
    delivery = queue_delivery(context)
    found = expansion(context)
    return delivery if found is None else ExpandingDelivery(delivery, found)


def forwards_to(context: Context, name: str | None) -> IDelivery | None:
    """What takes copies for accounts that forward their mail, by the name of a delivery; None for nothing."""
    if name is None:
        return None
    return _into_queue(context) if is_queue(context, name) else context.delivery(name)


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
    return Expansion(context.directory, options.delimiter)


def _local(context: Context) -> LocalRouter:
    options = context.configuration.routing
    return LocalRouter(
        context.directory,
        options.delimiter,
        None,
        context.hostname,
        options.subaddress_mailboxes,
        guard=context.catch_all,
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


def disk(context: Context) -> str:
    """Where the queue needs room: the directory of its spool; of one that is elsewhere, that of this node."""
    options = context.configuration.spool.options
    return options.directory if isinstance(options, SQLiteSpoolOptions) else context.data

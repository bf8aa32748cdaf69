"""The inbound exchanger: mail from anybody, for mailboxes of this node's store, or of another node by LMTP.

What it cannot do, it cannot do by its parts: the router it makes can name no remote host, its delivery is given
nothing but mailboxes, and its reception has no authenticator, so that AUTH is not offered. Where it has a router for
its own notices, the one thing that goes there is a notice that mail has arrived, for a sender who asked for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import attrs
from twisted.internet.interfaces import IReactorTime

from mailframe.delivery.forwarding import ForwardingDelivery
from mailframe.delivery.interfaces import IDelivery
from mailframe.delivery.options import StoreDeliveryOptions
from mailframe.delivery.store import StoreDelivery
from mailframe.directory.interfaces import IDirectory
from mailframe.filters.interfaces import IFilter
from mailframe.limits.interfaces import ITallies
from mailframe.message.address import Address
from mailframe.queue.notices import Notices
from mailframe.queue.notifying import NotifyingDelivery
from mailframe.queue.queue import QueueDelivery
from mailframe.registry import PluginUnavailable
from mailframe.routing.catch_all.guard import CountingDelivery
from mailframe.routing.interfaces import ICatchAllGuard, IRouter
from mailframe.routing.local import LocalRouter
from mailframe.routing.room import Room, RoomRouter
from mailframe.smtp.reception import Reception
from mailframe.smtp.settings import SMTPSettings
from mailframe.store.interfaces import IMailStore
from mailframe.tls.interfaces import IServerContexts

from . import outbound
from .context import Context
from .health import directory_answers
from .listening import Listener, ListeningRole
from .options import MXOptions


class MXRole(ListeningRole):
    """Takes mail for local mailboxes, from anybody.

    Args:
        listeners: where; with STARTTLS wherever ``tls`` is given.
        store: where mail goes; None, where ``delivery`` is given.
        directory: who has a mailbox.
        clock: the reactor.
        settings: of SMTP; whatever it says of logins does not matter.
        policies: asked in this order.
        filters: change mail in this order; one of them should add the trace field.
        tls: certificates.
        delimiter: between user and subaddress, "" for none.
        subaddress_mailboxes: deliver ``user+tag`` into the mailbox ``tag``.
        postmaster: gets mail for the bare ``Postmaster``.
        tallies: count for limits; of this process alone by default.
        delivery: takes mail for mailboxes instead of the store, such as `mailframe.delivery.lmtp.LMTPDelivery`. It is
            given nothing but routes to mailboxes.
        notices: with ``notices_to``, writes notices of success; without, DSN is not offered.
        notices_to: takes these notices, and nothing else.
        forwards_to: takes copies for accounts of ``store`` that forward their mail; without it, that stays here.
        guard: decides what catch-alls take; None for all of it.

    Raises:
        ValueError: there is nowhere to put mail, or it is to go into a queue: that asks anew where an address leads,
            at a time when its domain may be ours no more.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        store: IMailStore | None,
        directory: IDirectory,
        clock: IReactorTime,
        settings: SMTPSettings | None = None,
        policies: Sequence[object] = (),
        filters: Sequence[IFilter] = (),
        tls: IServerContexts | None = None,
        delimiter: str = "+",
        subaddress_mailboxes: bool = False,
        postmaster: Address | None = None,
        tallies: ITallies | None = None,
        delivery: IDelivery | None = None,
        notices: Notices | None = None,
        notices_to: IDelivery | None = None,
        forwards_to: IDelivery | None = None,
        guard: ICatchAllGuard | None = None,
    ) -> None:
        place = delivery or store
        if place is None:
            raise ValueError("the mx needs a store or a delivery")
        if isinstance(delivery, QueueDelivery):
            raise ValueError("the mx cannot put mail into a queue: it could leave the house from there")
        super().__init__("mx", clock, [directory, place], tls, tallies)
        settings = attrs.evolve(settings or SMTPSettings(), protocol="smtp", require_auth=False)
        way, room = _way(delivery, store, directory, forwards_to)
        if notices is not None and notices_to is not None and delivery is None:
            way = NotifyingDelivery(way, notices, notices_to, clock.seconds)
        else:
            # Nobody here could send the notice of success that DSN promises (RFC 3461 section 5.2.2); the sending
            # host does, where it is not offered.
            settings = settings.without("DSN")
        router: IRouter = LocalRouter(
            directory,
            delimiter,
            postmaster,
            settings.hostname,
            subaddress_mailboxes,
            guard=guard,
            strangers=True,
        )
        if guard is not None:
            way = CountingDelivery(way, guard)
        if room is not None:
            router = RoomRouter(router, room)
        reception = Reception(router, way, policies, filters, authenticator=None)
        self.open_smtp_doors(listeners, reception, settings)
        self._health.add("directory", directory_answers(directory, clock))


def _way(
    delivery: IDelivery | None, store: IMailStore | None, directory: IDirectory, forwards_to: IDelivery | None
) -> tuple[IDelivery, Room | None]:
    """Where mail goes, and who knows whether there is room."""
    if delivery is not None or store is None:
        return cast(IDelivery, delivery), None
    if forwards_to is None:
        return StoreDelivery(store), store.room
    forwarding = ForwardingDelivery(StoreDelivery(store), store, directory, forwards_to)
    return forwarding, forwarding.room


def build(options: MXOptions, context: Context) -> MXRole:
    """The role as it is configured."""
    elsewhere = _elsewhere(options, context)
    notices_to = context.delivery(options.router) if options.router is not None else None
    if notices_to is not None and elsewhere is not None:
        raise PluginUnavailable(
            "[role.mx] router: where mail goes to another node, that node tells of success"
        )
    if outbound.is_queue(context, elsewhere):
        raise PluginUnavailable("[role.mx] delivery: the queue is no place for mail from strangers")
    role = MXRole(
        listeners=context.listeners(options.listen),
        store=context.here if elsewhere is None else None,
        directory=context.directory,
        clock=context.reactor,
        settings=context.smtp_settings(options),
        policies=context.policies(options.policies),
        filters=context.filters(options.filters),
        tls=context.tls,
        delimiter=options.delimiter,
        subaddress_mailboxes=options.subaddress_mailboxes,
        postmaster=context.postmaster(options.postmaster),
        tallies=context.tallies,
        delivery=context.delivery(elsewhere) if elsewhere is not None else None,
        notices=outbound.notices(context) if notices_to is not None else None,
        notices_to=notices_to,
        forwards_to=outbound.forwards_to(context, options.router),
        guard=context.catch_all,
    )
    context.add_health_checks(role)
    return role


def _elsewhere(options: MXOptions, context: Context) -> str | None:
    """The delivery to another node; None where mail stays here, whether that is said by its name or not."""
    name = options.delivery
    if name is not None and isinstance(context.configuration.deliveries[name].options, StoreDeliveryOptions):
        return None
    return name

"""Builds the deliveries that have to do with this node's queue, from their options."""

from __future__ import annotations

import attrs

from mailframe.delivery.options import QueueDeliveryOptions, StoreDeliveryOptions
from mailframe.delivery.remote import RemoteDelivery
from mailframe.delivery.remote_options import RemoteOptions
from mailframe.delivery.store import StoreDelivery
from mailframe.message.idn import to_ascii
from mailframe.queue.queue import QueueDelivery
from mailframe.tls.client import ClientContexts

from .context import Context


def build_store_delivery(options: StoreDeliveryOptions, context: Context) -> StoreDelivery:
    """Into mailboxes of this node."""
    return StoreDelivery(context.here, context.reactor.seconds)


def build_queue_delivery(options: QueueDeliveryOptions, context: Context) -> QueueDelivery:
    """Into this node's queue."""
    return QueueDelivery(context.queue)


def build_remote(options: RemoteOptions, context: Context) -> RemoteDelivery:
    """To the hosts that the DNS names."""
    configuration = context.configuration
    return RemoteDelivery(
        context.reactor,
        context.dns,
        context.tls_policies,
        attrs.evolve(options, hostname=to_ascii(context.hostname)),
        contexts=ClientContexts(None, None, configuration.tls.minimum),
        tallies=context.tallies,
        shaping=configuration.shaping,
        reports=context.tls_reports,
    )

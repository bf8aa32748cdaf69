"""Reports on TLS (``[tlsrpt]``), built from the configuration: all workers count, the queue sends."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from zope.interface import implementer

from mailframe.database.file import Database
from mailframe.delivery.interfaces import IDelivery
from mailframe.message.idn import to_ascii
from mailframe.message.mail import MailObject, new_session_id
from mailframe.message.origin import Origin
from mailframe.message.status import UNAVAILABLE, Status
from mailframe.routing.interfaces import Route
from mailframe.tls.client import ClientContexts
from mailframe.tlsrpt.collecting import Collector
from mailframe.tlsrpt.counts import ROOM, Counts
from mailframe.tlsrpt.options import TLSReportOptions
from mailframe.tlsrpt.report import Submitter
from mailframe.tlsrpt.reporting import Reporter
from mailframe.tlsrpt.sending import Post, Sender

if TYPE_CHECKING:
    from .context import Context

COUNTS = "tlsrpt.sqlite"
"""File in the data directory: sessions that were counted, and reports that are to be sent."""

log = Logger()


def build_tls_reports(context: Context) -> Collector | None:
    """What is told how TLS with other hosts went; None without ``[tlsrpt]``."""
    options = context.configuration.tlsrpt
    if options is None:
        return None
    reactor, resolver = context.reactor, context.dns
    # A lost power supply may take a few counts along; a flush for each few would cost more than they are worth.
    database = context.keep(Database(os.path.join(context.data, COUNTS), ROOM, reactor, synchronous="NORMAL"))
    counts = Counts(database, options.spread)
    collector = Collector(reactor, counts, flush=options.flush, seconds=reactor.seconds)
    context.keep(_Running(collector))
    sender = _sender(context, options)
    context.keep(_Running(Reporter(reactor, counts, resolver, sender, seconds=reactor.seconds)))
    return collector


def _sender(context: Context, options: TLSReportOptions) -> Sender:
    submitter = Submitter(
        options.organization, options.contact or str(options.sender), to_ascii(options.sender.domain)
    )
    return Sender(
        _ByQueue(context),
        submitter,
        options.sender,
        Origin(new_session_id(), "unknown"),
        post=_post(context, options) if options.https else None,
        seconds=context.reactor.seconds,
    )


def _post(context: Context, options: TLSReportOptions) -> Post:
    # A web client, which nodes without such reports need not load.
    from mailframe.tlsrpt.posting import HTTPSPost

    contexts = ClientContexts(options.authorities, None, context.configuration.tls.minimum)
    return HTTPSPost(context.reactor, context.dns, contexts)


@implementer(IDelivery)
class _ByQueue:
    """The node's queue, asked for when there is something to send: it is built of what is built with reports."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        if "queue" not in vars(self._context):
            # Building it now would be too late to start it.
            log.warn("a report on TLS cannot be sent by mail: this node has no queue")
            return [UNAVAILABLE] * len(routes)
        from .outbound import queue_delivery

        return await queue_delivery(self._context).deliver(mail, routes, atomic)


class _Running:
    """Starts and stops with the roles."""

    def __init__(self, running: Collector | Reporter) -> None:
        self._running: Any = running
        self._started = False

    async def start(self) -> None:
        if not self._started:
            self._started = True
            self._running.start()

    async def stop(self) -> None:
        self._started = False
        await self._running.stop()

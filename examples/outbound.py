"""A router of your own: takes mail from this machine, keeps it in a queue, and hands it to your own way out.

Run it, send something to port 2526, and read what comes out::

    python examples/outbound.py
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.endpoints import serverFromString
from zope.interface import implementer

from mailframe.delivery.interfaces import IDelivery
from mailframe.message.mail import MailObject
from mailframe.message.status import OK, Status
from mailframe.queue.notice_settings import NoticeSettings
from mailframe.queue.notices import Notices
from mailframe.queue.queue import Queue, QueueDelivery
from mailframe.queue.settings import QueueOptions
from mailframe.queue.spool.memory import MemorySpool
from mailframe.roles.collaborators import Collaborators
from mailframe.roles.listening import Listener
from mailframe.roles.router import RouterRole
from mailframe.routing.interfaces import Route
from mailframe.routing.table import RoutingTable

HOSTNAME = "out.example.test"


@implementer(IDelivery)
class Printed:
    """A way out of the house that ends on the screen."""

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """Print a line for each recipient; with a temporary status instead the queue would try again."""
        for recipient in mail.envelope.recipients:
            sys.stdout.write(f"{mail.queue_id} to {recipient.forward_path}, {mail.content.size} octets\n")
        return [OK] * len(routes)


def service(reactor: Any, endpoint: str = "tcp:2526:interface=127.0.0.1") -> MultiService:
    """The router as one Twisted service."""
    queue = Queue(
        MemorySpool(reactor.seconds),
        RoutingTable("printed"),
        {"printed": Printed()},
        reactor,
        QueueOptions(),
        HOSTNAME,
        Notices(HOSTNAME, NoticeSettings(), reactor.seconds),
    )
    whole = MultiService()
    Collaborators(queue).setServiceParent(whole)  # type: ignore[no-untyped-call]
    listener = Listener(serverFromString(reactor, endpoint))
    RouterRole([listener], QueueDelivery(queue), reactor, collaborators=[queue]).setServiceParent(whole)  # type: ignore[no-untyped-call]
    return whole


if __name__ == "__main__":
    from twisted.internet import reactor

    running = service(reactor)
    running.startService()
    reactor.addSystemEventTrigger("before", "shutdown", running.stopService)
    reactor.run()

"""Delivery to the next hop: one or more hosts that take all our mail, and find the way from there."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.message.mail import MailObject
from mailframe.message.status import UNKNOWN_FAULT, Status
from mailframe.routing.interfaces import Route

from .hosts import Hosts
from .interfaces import IAttempts, IDelivery, INextHop
from .results import attempts_of
from .values import Attempt

log = Logger()


@implementer(IDelivery, IAttempts, INextHop)
class SmarthostDelivery:
    """Hands messages on while the sender waits: success means that the next host has taken it.

    With ``atomic`` there is one answer for all recipients, so they are sent together: where the host refuses one of
    them, now or for good, nothing is sent to any, and the answer says why. Nobody gets a copy that the sender is told
    did not go. What remains are recipients beyond the host's limit on one transaction, an LMTP host's different
    answers after the content, and a connection lost before the last answer: then the sender is told to try again, and
    some may get a second copy. None is lost.

    Args:
        hosts: where to.
    """

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`; the routes must lead onward."""
        recipients = mail.envelope.recipients
        if not all(route.onward for route in routes) or len(routes) != len(recipients):
            log.error("{queue_id}: a recipient's route does not lead onward", queue_id=mail.queue_id)
            return [UNKNOWN_FAULT] * len(routes)
        try:
            outcome = await self._hosts.send(mail, recipients, together=atomic, tell=True)
        except CancelledError:
            raise
        except Exception:
            log.failure("{queue_id}: the client failed", queue_id=mail.queue_id)
            return [UNKNOWN_FAULT] * len(routes)
        return outcome.statuses

    async def attempt(self, mail: MailObject, routes: Sequence[Route], *, age: float) -> Sequence[Attempt]:
        """As `IAttempts.attempt`; each recipient stands for itself."""
        try:
            outcome = await self._hosts.send(mail, mail.envelope.recipients, age=age)
        except CancelledError:
            raise
        except Exception:
            log.failure("{queue_id}: the client failed", queue_id=mail.queue_id)
            return [Attempt(UNKNOWN_FAULT)] * len(routes)
        return attempts_of(outcome)

    def unreachable(self) -> str | None:
        """What is known of the hosts (see `INextHop.unreachable`)."""
        return self._hosts.unreachable()

    async def stop(self) -> None:
        """End the connections."""
        await self._hosts.stop()

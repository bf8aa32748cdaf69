"""Sends one report to all places that a domain names."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from mailframe.delivery.interfaces import IDelivery
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.routing.interfaces import Route

from .mail import message
from .report import Report, Submitter

log = Logger()

Post = Callable[[str, Report], Awaitable[bool]]
"""Sends a report to a URL; True when it was taken. Raises nothing."""


class Sender:
    """Sends reports.

    Args:
        delivery: takes messages, as a queue does; success means that it sees to the rest, also to a signature.
        submitter: us.
        address: that reports come from.
        origin: what messages of our own have for where they came from.
        post: for HTTPS, or None.
        seconds: the time since the epoch.
    """

    def __init__(
        self,
        delivery: IDelivery,
        submitter: Submitter,
        address: Address,
        origin: Origin,
        *,
        post: Post | None = None,
        seconds: Callable[[], float] = time.time,
    ) -> None:
        self._delivery = delivery
        self.submitter = submitter
        self._address = address
        self._origin = origin
        self._post = post
        self._seconds = seconds

    async def send(self, report: Report, places: Sequence[Address | str]) -> bool:
        """Send a report to each place.

        Returns:
            True when one of them took it.
        """
        taken = False
        for place in places:
            try:
                if isinstance(place, Address):
                    done = await self._mail(report, place)
                else:
                    done = self._post is not None and await self._post(place, report)
            except CancelledError:
                raise
            except Exception:
                log.failure("a report about TLS for {domain} cannot be sent", domain=report.domain)
                done = False
            taken = done or taken
        return taken

    async def _mail(self, report: Report, recipient: Address) -> bool:
        octets = message(report, self.submitter, self._address, recipient, self._seconds())
        parameters: dict[str, str | None] = {}
        if not octets.isascii():
            # An address with other letters in it, theirs or ours.
            parameters = {"SMTPUTF8": None, "BODY": "8BITMIME"}
        envelope = Envelope(self._address, [Recipient(recipient)], parameters)
        mail = MailObject(new_queue_id(), envelope, Content.of(octets), self._origin)
        statuses = await self._delivery.deliver(mail, [Route(onward=True)], True)
        return all(status.success for status in statuses)

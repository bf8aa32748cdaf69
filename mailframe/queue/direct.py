"""Ways into the queue: past it where all recipients are mailboxes here and now, and by aliases' targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zope.interface import implementer

from mailframe.delivery.interfaces import IDelivery
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.esmtp import Notify, OriginalRecipient, format_original_recipient
from mailframe.message.mail import MailObject
from mailframe.message.status import Status, worst
from mailframe.routing.expansion import Expansion
from mailframe.routing.interfaces import Route


@implementer(IDelivery)
class DirectDelivery:
    """Into the store while the sender waits where that is all there is to do; else into the queue.

    The queue has it too where the sender asked for something that only a queue does: to hear of success, to have it
    kept for a time, to have it there in time.

    Args:
        store: takes mail for mailboxes.
        queue: takes all mail.
    """

    def __init__(self, store: IDelivery, queue: IDelivery) -> None:
        self._store = store
        self._queue = queue

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`."""
        direct = all(route.mailboxes for route in routes) and not _asks_a_queue(mail.envelope)
        return await (self._store if direct else self._queue).deliver(mail, routes, atomic)


def _asks_a_queue(envelope: Envelope) -> bool:
    if envelope.hold_for is not None or envelope.hold_until is not None or envelope.deliver_by is not None:
        return True
    return any(Notify.SUCCESS in (each.notify or Notify.NEVER) for each in envelope.recipients)


@implementer(IDelivery)
class ExpandingDelivery:
    """Puts the targets of aliases that lead out of the house in the place of the aliases.

    Notifications go to the sender, as for any mail, and tell of the address that was written to (ORCPT); what the
    sender asked about them holds for each target (RFC 3461 section 5.2.7.3, "alias").

    Args:
        delivery: takes the mail.
        expansion: knows the aliases.
    """

    def __init__(self, delivery: IDelivery, expansion: Expansion) -> None:
        self._delivery = delivery
        self._expansion = expansion

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`; a recipient who stands for several has the worst of their answers.

        Raises:
            MailframeError: temporary: the directory cannot be asked. Nothing was delivered.
        """
        recipients: list[Recipient] = []
        ways: list[Route] = []
        places: list[list[int]] = []
        known: dict[bytes, int] = {}
        for recipient, route in zip(mail.envelope.recipients, routes, strict=True):
            own: list[int] = []
            for each, way in await self._meant(recipient, route):
                key = bytes(each.forward_path)
                if key not in known:
                    known[key] = len(recipients)
                    recipients.append(each)
                    ways.append(way)
                own.append(known[key])
            places.append(own)
        envelope = replace(mail.envelope, recipients=recipients)
        statuses = await self._delivery.deliver(replace(mail, envelope=envelope), ways, atomic)
        return [worst([statuses[place] for place in own]) for own in places]

    async def _meant(self, recipient: Recipient, route: Route) -> Sequence[tuple[Recipient, Route]]:
        """The recipient, or whom it stands for; only what leads onward can lead out of the house."""
        if route.mailboxes:
            return [(recipient, route)]
        meant = await targets_of(recipient, self._expansion)
        return [(target, Route(onward=True)) for target in meant] or [(recipient, route)]


async def targets_of(recipient: Recipient, expansion: Expansion) -> Sequence[Recipient]:
    """Whom an alias that leads out of the house stands for, each as a recipient in its place; else nobody.

    Args:
        recipient: the alias, or anybody.
        expansion: knows the aliases.

    Raises:
        MailframeError: temporary: the directory cannot be asked, or the alias is not set up properly.
    """
    targets = await expansion.targets(recipient.forward_path)
    if not targets:
        return []
    original = OriginalRecipient("rfc822", bytes(recipient.forward_path).decode())
    if not original.address.isascii():
        original = replace(original, address_type="utf-8")
    parameters = {"ORCPT": format_original_recipient(original), **recipient.parameters}
    return [Recipient(target, dict(parameters)) for target in targets]

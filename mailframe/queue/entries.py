"""Turns a mail object into what the spool keeps: facts of the message, and how each recipient stands at first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.logger import Logger

from mailframe.limits.networks import ClientNetworks
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import MailframeError, Status
from mailframe.routing.expansion import Expansion
from mailframe.routing.interfaces import Route

from .attempting import Attempting, place_of
from .direct import targets_of
from .schedule import Schedule
from .values import NewMessage, Place, QueuedMessage, QueuedRecipient, State

log = Logger()


class Entries:
    """Makes them.

    Args:
        schedule: when what is done.
        attempting: finds ways.
        expansion: knows aliases that lead out of the house, which a sender may be; None: none is followed.
    """

    def __init__(
        self, schedule: Schedule, attempting: Attempting, expansion: Expansion | None = None
    ) -> None:
        self._schedule = schedule
        self._expansion = expansion
        self._attempting = attempting
        self._networks = ClientNetworks()

    def account(self, origin: Origin) -> str:
        """Whose share of the queue a message takes."""
        return origin.login or self._networks.of(origin.peer) or ""

    async def routes(self, mail: MailObject, known: Sequence[Route] = ()) -> Sequence[Route | Status]:
        """The way of each recipient; those that name one are taken as they are."""
        envelope = mail.envelope
        found: list[Route | Status] = []
        for number, recipient in enumerate(envelope.recipients):
            route: Route | Status | None = known[number] if number < len(known) else None
            if route is None or isinstance(route, Status) or not route.way:
                route = await self._attempting.route(envelope, recipient, mail.origin)
            found.append(route)
        return found

    def message(self, mail: MailObject, account: str, now: float, reason: str = "") -> QueuedMessage:
        """The facts of a message."""
        envelope = mail.envelope
        return QueuedMessage(
            mail.queue_id,
            Envelope(envelope.reverse_path, [], envelope.parameters),
            mail.origin,
            now,
            self._schedule.expires(envelope, envelope.recipients, now),
            self._schedule.lane(envelope),
            mail.content.size,
            account,
            reason,
        )

    def recipient(
        self,
        recipient: Recipient,
        message: QueuedMessage,
        number: int,
        place: Place,
        due: float,
        state: State = State.DUE,
    ) -> QueuedRecipient:
        """How one recipient stands at first."""
        new = QueuedRecipient(number, recipient, place, state, due)
        if state is State.HELD:
            # Nobody is told of a delay as long as it is somebody's wish.
            review = self._schedule.end(message, recipient)
        else:
            review = self._schedule.review(message, new)
        return QueuedRecipient(number, recipient, place, state, due, review)

    async def notice(self, mail: MailObject, now: float) -> NewMessage:
        """A notification of ours, which is due at once."""
        mail = await self._to_whom_it_may_lead(mail)
        message = self.message(mail, "", now)
        routes = await self.routes(mail)
        recipients = [
            self.recipient(one, message, number, place_of(route, one), now)
            for number, (one, route) in enumerate(zip(mail.envelope.recipients, routes, strict=True))
        ]
        return NewMessage(message, mail, recipients)

    async def _to_whom_it_may_lead(self, mail: MailObject) -> MailObject:
        """The same for the targets of a sender's address that leads out of the house."""
        if self._expansion is None:
            return mail
        recipients: list[Recipient] = []
        for recipient in mail.envelope.recipients:
            try:
                recipients += await targets_of(recipient, self._expansion) or [recipient]
            except MailframeError as error:
                # It waits in the queue, as what cannot be routed does.
                log.warn("cannot follow an alias: {reason}", reason=error.reason)
                recipients.append(recipient)
        return replace(mail, envelope=replace(mail.envelope, recipients=recipients))

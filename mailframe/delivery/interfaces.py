"""What a way out does."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from zope.interface import Interface

from mailframe.message.address import Address
from mailframe.message.mail import MailObject
from mailframe.message.status import Status
from mailframe.routing.interfaces import Route

from .values import Attempt


class INextHop(Interface):
    """A delivery that can do nothing while other hosts are away, and notices; optional beside `IDelivery`."""

    def unreachable() -> str | None:
        """None where a host answered when it was asked last, or none was asked yet; otherwise a sentence.

        Nothing is asked for this: it is what the deliveries so far came to know.
        """


class IDelivery(Interface):
    """Takes responsibility for a message: success means durable."""

    def deliver(mail: MailObject, routes: Sequence[Route], atomic: bool) -> Awaitable[Sequence[Status]]:
        """Deliver one message.

        Args:
            mail: the message; its content stays the caller's to discard afterwards.
            routes: one for each of ``mail.envelope.recipients``, in order.
            atomic: all recipients or none, because the protocol has one reply for all (SMTP); LMTP says False.

        Returns:
            A status for each recipient, in order. A fault is a temporary status; nothing is raised for it.
        """


class IAttempts(Interface):
    """A delivery that tells more of an attempt than a status; optional beside `IDelivery`. The queue asks for it."""

    def attempt(mail: MailObject, routes: Sequence[Route], *, age: float) -> Awaitable[Sequence[Attempt]]:
        """Try once to deliver one message; recipients stand for themselves, as with LMTP.

        Args:
            mail: the message; its content stays the caller's. ``mail.envelope.recipients`` are those of this attempt.
            routes: one for each recipient, in order; all have the same ``destination``.
            age: seconds since the message was accepted here, for DELIVERBY and FUTURERELEASE.

        Returns:
            An attempt for each recipient, in order. A fault is a temporary status; nothing is raised for it.
        """


class IReturnPath(Interface):
    """Says whom a forwarded message comes from, for the next host; what the header says stays as it is."""

    def of(reverse_path: Address | None, account: str) -> Address | None:
        """The reverse-path of a copy that is forwarded.

        Args:
            reverse_path: of the message; None, the null one, must stay null (RFC 5321 section 4.5.5).
            account: whose forwarding it is.
        """

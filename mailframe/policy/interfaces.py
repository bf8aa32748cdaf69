"""What a policy may be asked, stage by stage. A verdict is a value: a `Status` to refuse, None for no opinion.

Of a whole message a policy may also say `Hold`: take it, but deliver nothing until somebody has looked.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from zope.interface import Interface

from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import Status


@dataclass(frozen=True, slots=True)
class Hold:
    """A verdict on a message: it is accepted and kept, and goes on when somebody releases it.

    Attributes:
        reason: a sentence for whoever looks at held mail; the client is not told.
    """

    reason: str


class IConnectPolicy(Interface):
    """Asked when a client connected, before the greeting."""

    def connect(origin: Origin) -> Awaitable[Status | None]:
        """Refuse the connection (554 or 421 and close) or not."""


class IHeloPolicy(Interface):
    """Asked at HELO, EHLO, LHLO; ``origin.helo`` is set."""

    def helo(origin: Origin) -> Awaitable[Status | None]:
        """Refuse the greeting or not."""


class IMailPolicy(Interface):
    """Asked at MAIL; the envelope has its reverse-path and parameters."""

    def mail(origin: Origin, envelope: Envelope) -> Awaitable[Status | None]:
        """Refuse the reverse-path or not."""


class IRecipientPolicy(Interface):
    """Asked at RCPT, before routing decides whether the address exists."""

    def rcpt(origin: Origin, envelope: Envelope, recipient: Recipient) -> Awaitable[Status | None]:
        """Refuse this recipient or not; the others are not touched."""


class IContentPolicy(Interface):
    """Asked when all content has been received, before it is delivered."""

    def content(mail: MailObject) -> Awaitable[Status | Hold | None]:
        """Refuse the message for all recipients, hold it, or have no opinion.

        A refusal by any policy outweighs all holds. Where nothing can hold mail, a hold is a temporary refusal.
        """


class IConclusionPolicy(Interface):
    """Told how a message ended that content policies were asked about; for policies that count."""

    def concluded(mail: MailObject, accepted: bool) -> None:
        """We are responsible for the message now, for one recipient at least; or we are not. Raises nothing."""

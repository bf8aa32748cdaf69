"""What became of a message at one server, for each recipient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailframe.message.envelope import Recipient
from mailframe.message.origin import TLSFacts
from mailframe.message.status import Status

from .phases import Phase


@dataclass(frozen=True, slots=True)
class RecipientOutcome:
    """One recipient.

    Attributes:
        recipient: whom it is about.
        status: the outcome; its text has the server's words, printable ASCII, bounded.
        reply: the server's reply that decided it, ``550 5.1.1 No such mailbox``; "" where there was none.
        phase: in which it was decided.
        dsn_passed: the server took over what was asked about notifications (RFC 3461). Where it did not, and success
            was to be notified, it is on us to say that the message was relayed.
        possibly_delivered: the status is temporary, but all was sent and only the answer is missing: to try again may
            deliver twice.
        untried: the server was not asked, or takes no more recipients or messages on this connection; another
            connection may be tried at once.
    """

    recipient: Recipient
    status: Status
    reply: str = ""
    phase: Phase = Phase.IDLE
    dsn_passed: bool = False
    possibly_delivered: bool = False
    untried: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """One message at one server.

    Attributes:
        recipients: one for each recipient that was given, in order.
        host: the server's name as we know it.
        address: where it was reached, ``192.0.2.1:25``, or the path of a socket.
        tls: what the TLS session is, or None in clear.
        verified: the server's certificate was checked.
        untouched: the server answered nothing of this message: the connection was dead already. On a connection that
            was used before, this is no failure of the server's.
    """

    recipients: Sequence[RecipientOutcome]
    host: str
    address: str
    tls: TLSFacts | None = None
    verified: bool = False
    untouched: bool = False

    @property
    def statuses(self) -> list[Status]:
        """The status of each recipient, in order."""
        return [recipient.status for recipient in self.recipients]

    @property
    def accepted(self) -> bool:
        """Did any recipient's copy arrive for sure?"""
        return any(recipient.status.success for recipient in self.recipients)

    @property
    def whole(self) -> bool:
        """Did every recipient's copy arrive for sure?"""
        return all(recipient.status.success for recipient in self.recipients)

    @property
    def untried(self) -> list[int]:
        """Places of the recipients that another connection may be tried for at once."""
        return [number for number, recipient in enumerate(self.recipients) if recipient.untried]

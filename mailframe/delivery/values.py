"""What became of one recipient at one attempt: more than a status, for whoever tries again and tells the sender."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from mailframe.message.status import Status


class Scope(enum.Enum):
    """What a temporary failure was about, and so what else need not be tried."""

    RECIPIENT = "recipient"
    """This recipient or this message: others may go through."""
    DESTINATION = "destination"
    """No host of the destination could be reached, or none wanted to talk with us: nothing else would go through."""
    LIMIT = "limit"
    """A limit of our own: no host was asked, and it does not count as an attempt."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One recipient at one attempt.

    Attributes:
        status: what it came to; its text has the host's words, printable ASCII, bounded.
        scope: with a temporary status, what it was about.
        host: the name of the host that decided (Remote-MTA of RFC 3464), "" where none did.
        address: where it was reached, ``192.0.2.1:25``.
        reply: its reply as it came, ``550 5.1.1 No such mailbox`` (Diagnostic-Code); "" where there was none.
        final: with success: it lies in a mailbox (or a program took it); otherwise it was relayed.
        notifies: with success: the host took over what was asked about notifications (RFC 3461); where it did not and
            success was to be told, it is on us to say that the message was relayed, or delivered.
        possibly_delivered: all was sent and only the answer is missing: the next attempt may deliver twice.
        retry_after: seconds, where it is known when to try again (`Scope.LIMIT`); None for the usual time.
        tls: the version of TLS it went by, "" for clear text or where nothing was sent.
    """

    status: Status
    scope: Scope = Scope.RECIPIENT
    host: str = ""
    address: str = ""
    reply: str = ""
    final: bool = False
    notifies: bool = False
    possibly_delivered: bool = False
    retry_after: float | None = None
    tls: str = ""

"""Delivery status notifications: what became of whom, for programs (RFC 3464), and who wants to hear of it.

Values, and how they are written. What people read and what is brought back of the message is put around it by
`mailframe.message.report`; who is told, and when, is the queue's matter (`mailframe.queue.notices`).
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from . import header
from .address import Address
from .dates import format_date
from .envelope import Envelope, Recipient
from .esmtp import Notify, OriginalRecipient, format_original_recipient
from .status import Status

REPLY_LIMIT: Final = 800
"""Characters of a host's reply that are passed on: a line of a notice has 998 at most (RFC 5322 section 2.1.1)."""

_NO_TEXT: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_NOT_ASCII: Final = re.compile(r"[^ -~]")


class Action(enum.Enum):
    """What was done about a recipient (RFC 3464 section 2.3.3)."""

    FAILED = "failed"
    """It will never get the message."""
    DELAYED = "delayed"
    """It has not got it yet; we go on trying."""
    DELIVERED = "delivered"
    """The message is in its mailbox."""
    RELAYED = "relayed"
    """A host took the message which tells nobody of success."""
    EXPANDED = "expanded"
    """The message went to the members of a list or an alias."""


_ASKED_BY: Final = {
    Action.FAILED: Notify.FAILURE,
    Action.DELAYED: Notify.DELAY,
    Action.DELIVERED: Notify.SUCCESS,
    Action.RELAYED: Notify.SUCCESS,
    Action.EXPANDED: Notify.SUCCESS,
}


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What became of one recipient.

    Attributes:
        recipient: whom, with the parameters of its RCPT command (``NOTIFY``, ``ORCPT``).
        action: what was done.
        status: why; its class is 5 for `Action.FAILED`, 4 for `Action.DELAYED` and 2 for the others.
        remote_mta: the name of the host that said so, "" where none did.
        reply: that host's reply as it came, ``550 5.1.1 No such mailbox``; "" where there was none.
        attempted: when it was tried last, in seconds since the epoch; 0 for never.
        retry_until: with `Action.DELAYED`, when we give up; None where that is not known.
    """

    recipient: Recipient
    action: Action
    status: Status
    remote_mta: str = ""
    reply: str = ""
    attempted: float = 0.0
    retry_until: float | None = None


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of some recipients of one message.

    Attributes:
        reporting_mta: our name.
        recipients: at least one.
        queue_id: the message's id in our log.
        envelope_id: the sender's own name for the message (ENVID), or None.
        arrived: when we got it, in seconds since the epoch; 0 for not known.
    """

    reporting_mta: str
    recipients: Sequence[RecipientReport]
    queue_id: str = ""
    envelope_id: str | None = None
    arrived: float = 0.0

    @property
    def is_ascii(self) -> bool:
        """False where an address in it can only be told as it is in UTF-8 (RFC 6533 section 4)."""
        return all(_told_in_ascii(one.recipient) for one in self.recipients)


def wanted(envelope: Envelope, report: RecipientReport) -> bool:
    """Is the sender to be told (RFC 3461 section 4.1, RFC 2852 section 4)?

    Where NOTIFY is not given, failures and delays are told. Nobody is told of mail from the null reverse-path, which
    is how notifications themselves are sent (RFC 3461 section 6.2).

    Args:
        envelope: reverse-path and parameters of the message.
        report: what there is to tell.
    """
    if envelope.reverse_path is None:
        return False
    notify = report.recipient.notify
    if notify is None:
        notify = Notify.FAILURE | Notify.DELAY
    elif notify is Notify.NEVER:
        return False
    by = envelope.deliver_by
    if report.action is Action.RELAYED and by is not None and by.trace:
        return True
    return _ASKED_BY[report.action] in notify


def delivery_status(report: DeliveryReport, *, international: bool = False) -> Iterator[bytes]:
    """The content of ``message/delivery-status``, or of ``message/global-delivery-status``.

    Args:
        report: what to tell.
        international: may UTF-8 stand for itself (RFC 6533 section 4)?

    Returns:
        Groups of fields, each ended by CRLF, first the message's and then each recipient's, with the empty line that
        parts a group from the one before it (RFC 3464 section 2.1).
    """
    yield b"".join(header.build(name, body) for name, body in _message_fields(report, international))
    for one in report.recipients:
        fields = _recipient_fields(one, report.queue_id, international)
        yield b"\r\n" + b"".join(header.build(name, body) for name, body in fields)


def one_line(text: str, *, international: bool = False, limit: int = REPLY_LIMIT) -> str:
    """A text of somebody else as one line that does no harm: no control characters, bounded.

    Args:
        text: a reply, perhaps of several lines.
        international: other characters than ASCII stay; otherwise each becomes a question mark.
        limit: characters that are kept.
    """
    line = _NO_TEXT.sub(" ", text[: 4 * limit]).strip()[:limit]
    # The limit is of octets, too, so that no line gets too long.
    line = line.encode()[:limit].decode("utf-8", "ignore")
    return line if international else _NOT_ASCII.sub("?", line)


def address_field(address: Address, *, international: bool = False) -> str:
    """An address with its type: ``rfc822; bob@example.test``, or of the type ``utf-8`` (RFC 6533 section 3).

    Args:
        address: whose.
        international: may UTF-8 stand for itself?
    """
    text = bytes(address).decode()
    if text.isascii():
        return f"rfc822; {text}"
    return _typed(OriginalRecipient("utf-8", text), international)


def _message_fields(report: DeliveryReport, international: bool) -> Iterator[tuple[str, str]]:
    if report.envelope_id:
        yield "Original-Envelope-Id", report.envelope_id
    yield "Reporting-MTA", f"dns; {one_line(report.reporting_mta)}"
    if report.queue_id:
        yield "X-Mailframe-Queue-ID", one_line(report.queue_id)
    if report.arrived:
        yield "Arrival-Date", format_date(report.arrived)


def _recipient_fields(
    report: RecipientReport, queue_id: str, international: bool
) -> Iterator[tuple[str, str]]:
    original = report.recipient.original_recipient
    if original is not None:
        named = _typed(original, international)
        # ORCPT is bounded in characters, and a line in octets (RFC 5322 section 2.1.1); it cannot be folded.
        if len(named.encode()) <= REPLY_LIMIT:
            yield "Original-Recipient", named
    yield (
        "Final-Recipient",
        address_field(report.recipient.forward_path, international=international),
    )
    yield "Action", report.action.value
    yield "Status", report.status.code
    if remote := _mta_name(report.remote_mta):
        yield "Remote-MTA", f"dns; {one_line(remote, international=international)}"
    if reply := one_line(report.reply, international=international):
        yield "Diagnostic-Code", f"smtp; {reply}"
    elif report.action in (Action.FAILED, Action.DELAYED) and report.status.text:
        # No host said it in SMTP: a type of our own, as RFC 3464 section 2.3.6 has it.
        yield "Diagnostic-Code", f"x-mailframe; {one_line(report.status.text, international=international)}"
    if report.attempted:
        yield "Last-Attempt-Date", format_date(report.attempted)
    if queue_id:
        yield "Final-Log-ID", one_line(queue_id)
    if report.action is Action.DELAYED and report.retry_until is not None:
        yield "Will-Retry-Until", format_date(report.retry_until)


def _mta_name(host: str) -> str:
    """A host as names of type ``dns`` are (RFC 3464): its name, or its address in brackets.

    "" for the path of a socket: it is no name, and nobody elsewhere can do anything with it.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "" if host.startswith("/") else host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _typed(recipient: OriginalRecipient, international: bool) -> str:
    """RFC 6533 section 3: in ASCII, an address in UTF-8 is encoded as in ORCPT; other types are told decoded."""
    if recipient.address_type != "utf-8":
        return f"{recipient.address_type}; {recipient.address}"
    if international:
        return f"utf-8; {recipient.address}"
    return "utf-8; " + format_original_recipient(recipient).partition(";")[2]


def _told_in_ascii(recipient: Recipient) -> bool:
    original = recipient.original_recipient
    return bytes(recipient.forward_path).isascii() and (original is None or original.address.isascii())

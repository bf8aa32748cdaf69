"""Notices to senders: what became of their mail, as messages for the queue (RFC 3461 section 6, RFC 3464)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mailframe.message import header, verp
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.dsn import Action, DeliveryReport, RecipientReport, wanted
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.esmtp import Return
from mailframe.message.idn import to_ascii
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.message.report import Notice, Returned, write
from mailframe.message.words import decode_words
from mailframe.routing.roles import ROLE

from .notice_settings import NoticeSettings
from .notice_text import subject_of, text_of
from .values import QueuedMessage

__all__ = ["CLASS", "Action", "NoticeSettings", "Notices", "RecipientReport"]

CLASS: Final = "notice"
"""``origin.attributes["class"]`` of every notice, for routes."""
_MESSAGE_ID_LIMIT: Final = 250


class Notices:
    """Writes notices.

    Args:
        hostname: our name (Reporting-MTA).
        settings: how.
        seconds: the time of day, in seconds since the epoch.
    """

    def __init__(self, hostname: str, settings: NoticeSettings, seconds: Callable[[], float]) -> None:
        self._hostname = _in_ascii(hostname)
        self._settings = settings
        self._seconds = seconds
        address = (
            f"MAILER-DAEMON@{self._hostname}" if settings.sender is None else bytes(settings.sender).decode()
        )
        self._sender = f"Mail Delivery System <{address}>"

    def make(
        self, message: QueuedMessage, reports: Sequence[RecipientReport], content: Content | None
    ) -> Sequence[MailObject]:
        """Tell the sender of a message what became of recipients, as far as that is wanted (NOTIFY).

        Args:
            message: the message.
            reports: what there is to tell; all in one notice, whatever their actions, unless each recipient has a
                reverse-path of its own (`mailframe.message.verp`).
            content: of the message, to bring back what the sender asked for (RET); None where it cannot be had.
                It stays the caller's, and must not be discarded before the notices are in the queue: they read it.

        Returns:
            A message for each notice, mostly one, each with one recipient; empty where nobody wants to hear, by the
            null reverse-path, by NOTIFY, or as the message is a notification itself. No I/O, and nothing to discard.
        """
        told = [report for report in reports if wanted(message.envelope, report)]
        if not told or (content is not None and _is_notification(content)):
            return []
        by_path: dict[Address, list[RecipientReport]] = {}
        for report in told:
            path = verp.reverse_path(message.envelope, report.recipient)
            if path is not None:
                by_path.setdefault(path, []).append(report)
        return [self._notice(message, path, some, content) for path, some in by_path.items()]

    def _notice(
        self,
        message: QueuedMessage,
        path: Address,
        reports: Sequence[RecipientReport],
        content: Content | None,
    ) -> MailObject:
        queue_id = new_queue_id()
        head = content.head if content is not None else b""
        international = message.envelope.smtputf8 or not bytes(path).isascii()
        notice = Notice(
            sender=self._sender,
            recipient=path,
            subject=subject_of(reports),
            text=text_of(reports, self._hostname, message.arrived, _subject(head)),
            report=self._report(message, reports),
            international=international,
            returned=self._returned(message.envelope, reports, content, international),
            message_id=f"<{queue_id}@{self._hostname}>",
            written=self._seconds(),
            answers=_message_id(head),
        )
        written = write(notice)
        # RFC 3461 section 6.2: from the null reverse-path, so that nobody is told what becomes of it.
        envelope = Envelope(None, [Recipient(path, {"NOTIFY": "NEVER"})], written.parameters)
        origin = Origin(message.origin.session_id, "local", protocol="local", attributes={"class": CLASS})
        if (role := message.origin.attributes.get(ROLE)) is not None:
            # The node may have no other way than that role's.
            origin.attributes[ROLE] = role
        return MailObject(queue_id, envelope, written.content, origin)

    def _report(self, message: QueuedMessage, reports: Sequence[RecipientReport]) -> DeliveryReport:
        return DeliveryReport(
            self._hostname, reports, message.queue_id, message.envelope.envelope_id, message.arrived
        )

    def _returned(
        self,
        envelope: Envelope,
        reports: Sequence[RecipientReport],
        content: Content | None,
        international: bool,
    ) -> Returned | None:
        if content is None:
            return None
        return Returned(content, self._whole(envelope, reports, content.size), international)

    def _whole(self, envelope: Envelope, reports: Sequence[RecipientReport], size: int) -> bool:
        """Is all of the message brought back?"""
        # RFC 3461 section 4.3: RET is about failures; other notices have the header only.
        if all(report.action is not Action.FAILED for report in reports):
            return False
        # RFC 8689 section 5: as if RET=HDRS were given, since the notice may travel in clear. It does not say
        # REQUIRETLS itself: there is nobody left to tell that it could not be delivered.
        if envelope.require_tls:
            return False
        # Octets that are no lines cannot stand in a message of lines.
        if envelope.body == "BINARYMIME" or envelope.ret is Return.HDRS:
            return False
        asked = envelope.ret is Return.FULL
        return size <= (self._settings.return_limit if asked else self._settings.return_unasked)


def _in_ascii(hostname: str) -> str:
    """With A-labels: a notice must not need SMTPUTF8 for our sake."""
    try:
        return to_ascii(hostname)
    except ValueError:
        return hostname


def _is_notification(content: Content) -> bool:
    """Is it a delivery status notification that somebody sent from an address (RFC 3461 section 6.2 forbids both)?"""
    kind = (header.first(content.head, b"Content-Type") or b"").lower()
    return kind.startswith(b"multipart/report") and b"delivery-status" in kind


def _subject(head: bytes) -> str:
    return decode_words(header.first(head, b"Subject") or b"")


def _message_id(head: bytes) -> str:
    """The Message-ID, where it is one that can be written into another header."""
    found = header.first(head, b"Message-ID") or b""
    text = found.decode("ascii", "replace")
    fine = text.startswith("<") and text.endswith(">") and text.isprintable() and text.isascii()
    return text if fine and " " not in text and len(text) <= _MESSAGE_ID_LIMIT else ""

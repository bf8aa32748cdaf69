"""Refuses mail that goes round in circles (RFC 5321 section 6.3)."""

from __future__ import annotations

from zope.interface import implementer

from mailframe.message.mail import MailObject
from mailframe.message.status import Status

from .interfaces import IContentPolicy

TOO_MANY_HOPS = Status((5, 4, 6), "Too many hops: the message goes round in circles", reply_code=554)
CAME_BACK = Status((5, 4, 6), "The message came back to where it was delivered", reply_code=554)


@implementer(IContentPolicy)
class LoopPolicy:
    """Counts Received fields, and knows messages that were delivered to the same address before.

    Args:
        limit: Received fields a message may have; RFC 5321 wants at least 100 to be allowed.
    """

    def __init__(self, limit: int = 100) -> None:
        self._limit = limit

    async def content(self, mail: MailObject) -> Status | None:
        """Refuse a message with more hops than allowed, or one that has a recipient's own Delivered-To."""
        header = header_section(mail.content.head)
        # In front of the first field stands a line end, too: each field name then looks alike.
        fields = b"\r\n" + header.lower()
        if fields.count(b"\r\nreceived:") > self._limit:
            return TOO_MANY_HOPS
        if b"\r\ndelivered-to:" not in fields:
            return None
        places = {line.partition(b":")[2].strip() for line in fields.split(b"\r\n") if _is_delivered_to(line)}
        for recipient in mail.envelope.recipients:
            if bytes(recipient.forward_path).lower() in places:
                return CAME_BACK
        return None


def header_section(octets: bytes) -> bytes:
    """The header section of a message, as far as it is in these octets."""
    if octets.startswith(b"\r\n"):
        return b""
    end = octets.find(b"\r\n\r\n")
    return octets if end < 0 else octets[: end + 2]


def _is_delivered_to(line: bytes) -> bool:
    return line.startswith(b"delivered-to:")

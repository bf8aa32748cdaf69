"""Refuses messages whose header section nobody can be sure to read the same way (RFC 6409 section 6.3)."""

from __future__ import annotations

from typing import Literal

from zope.interface import implementer

from mailframe.message.header import fields as header_fields
from mailframe.message.header import leading
from mailframe.message.mail import MailObject
from mailframe.message.mailboxlist import mailboxes
from mailframe.message.status import Status

from .interfaces import IContentPolicy

TOO_LARGE = Status((5, 3, 4), "The header section is larger than is taken here", "TOOBIG", reply_code=552)
TWICE = Status((5, 6, 0), "A message has one From field and at most one Sender field", reply_code=554)
NO_ADDRESS = Status(
    (5, 6, 0), "The From or Sender field is no address, or not written as addresses are", reply_code=554
)
BCC_BEHIND = Status((5, 6, 0), "Behind a line of the header that is no field stands Bcc", reply_code=554)
NO_FROM = Status((5, 6, 0), "The message has no From field", reply_code=554)

BLIND = frozenset({b"bcc", b"resent-bcc"})
"""Fields of people that nobody else may know of (RFC 5322 section 3.6.3)."""
HEADER_LIMIT = 60 * 1024
"""Octets of a header section; what is kept of a message in memory is at least 64 KiB."""


@implementer(IContentPolicy)
class HeaderPolicy:
    """Looks at size, From and Sender, and for a Bcc that would become part of the body.

    Args:
        limit: octets that a header section may have.
        missing_from: what becomes of a message without From: ``refuse``, or ``add``, which leaves it to a filter;
            what no filter could know (a null reverse-path and no login) is refused all the same.
    """

    def __init__(self, limit: int = HEADER_LIMIT, missing_from: Literal["add", "refuse"] = "add") -> None:
        self._limit = limit
        self._missing_from = missing_from

    async def content(self, mail: MailObject) -> Status | None:
        """Refuse what cannot be read in one way only."""
        head = mail.content.head
        fields, end = leading(head)
        if end > self._limit or (end == len(head) < mail.content.size):
            return TOO_LARGE
        if self._is_blind_behind(head, end):
            return BCC_BEHIND
        originators = [field.body for field in fields if field.name.lower() == b"from"]
        senders = [field.body for field in fields if field.name.lower() == b"sender"]
        if len(originators) > 1 or len(senders) > 1:
            return TWICE
        if not originators:
            return self._without_from(mail)
        for body in originators + senders:
            addresses = mailboxes(body)
            if not addresses or None in addresses:
                return NO_ADDRESS
        return None

    def _is_blind_behind(self, head: bytes, end: int) -> bool:
        """Is there a Bcc behind a line that is no field? The body begins before it, so nobody would remove it."""
        if head.startswith(b"\r\n", end):
            return False
        rest = head[end : max(end, self._limit)]
        return any(field.name.lower() in BLIND for field in header_fields(rest))

    def _without_from(self, mail: MailObject) -> Status | None:
        unknown = mail.envelope.reverse_path is None and mail.origin.login is None
        return NO_FROM if unknown or self._missing_from == "refuse" else None

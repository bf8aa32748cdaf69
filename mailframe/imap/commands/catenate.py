"""CATENATE: pieces of messages that are here already go into a new one, without a way to the client (RFC 4469)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.wire.fetching import Text
from mailframe.imap.wire.responses import string
from mailframe.imap.wire.urls import MessageURL, message_url
from mailframe.message.status import MailframeError, Status
from mailframe.message.structure import section_span, unpack
from mailframe.store.interfaces import IMailbox
from mailframe.store.names import canonical
from mailframe.store.values import Item, Span

from .fetch_plan import described

if TYPE_CHECKING:
    from mailframe.imap.session import Session

    from .uploads import Uploads

PIECE = 256 * 1024
"""Octets that are copied at a time."""


async def add_from_url(session: Session, uploads: Uploads, url: bytes) -> None:
    """Add what a URL names to the last message.

    Raises:
        MailframeError: ``BADURL``, ``TOOBIG``, or a temporary one.
    """
    wanted = message_url(url)
    if wanted is None:
        raise _bad(url)
    try:
        mailbox = await session.mailboxes.open(canonical(wanted.mailbox), read_only=True)
    except MailframeError as error:
        raise error if error.status.temporary else _bad(url) from error
    try:
        place = await _place(mailbox, wanted)
        if place is None:
            raise _bad(url)
        uploads.check(place[1])
        await _copy(session, mailbox, wanted.uid, place, uploads, url)
    finally:
        mailbox.close()


async def _place(mailbox: IMailbox, wanted: MessageURL) -> tuple[int, int] | None:
    """Offset and length of what is named; None where there is no such thing."""
    if wanted.uidvalidity not in (0, mailbox.uidvalidity) or wanted.section.fields:
        return None
    found = await mailbox.fetch([wanted.uid], Item.SIZE | Item.PARTS)
    if not found:
        return None
    place: tuple[int, int] | None = (0, found[0].size)
    if wanted.section.part or wanted.section.text is not Text.ALL:
        root = unpack(described(found[0]).parts)
        place = section_span(root, wanted.section.part, wanted.section.text.value)
    if place is None:
        return None
    start, length = place
    offset = min(wanted.offset, length)
    left = length - offset
    return start + offset, left if wanted.length is None else min(left, wanted.length)


async def _copy(
    session: Session, mailbox: IMailbox, uid: int, place: tuple[int, int], uploads: Uploads, url: bytes
) -> None:
    offset, left = place
    while left:
        (octets,) = await mailbox.read([Span(uid, offset, min(left, PIECE))])
        if not octets:
            raise _bad(url)
        uploads.write(octets)
        offset, left = offset + len(octets), left - len(octets)


def _bad(url: bytes) -> MailframeError:
    shown = string(url[:500]).decode("ascii", "replace") if url.isascii() else '""'
    return MailframeError(Status((5, 5, 4), "This URL names nothing here", f"BADURL {shown}"))

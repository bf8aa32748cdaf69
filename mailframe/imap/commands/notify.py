"""NOTIFY: what a client hears of without asking (RFC 5465)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.notify import Notify
from mailframe.imap.states import Reply
from mailframe.imap.wire.notifying import SUPPORTED, Wishes, wishes
from mailframe.imap.wire.parser import Parser
from mailframe.message.status import MailframeError, Status

if TYPE_CHECKING:
    from mailframe.imap.session import Session

BAD_EVENT = Status((5, 5, 4), "Nobody can be notified of that", f"BADEVENT ({' '.join(SUPPORTED)})")


async def notify(session: Session, arguments: Parser) -> Reply:
    """NOTIFY SET, which takes the place of the one before, and NOTIFY NONE.

    Raises:
        MailframeError: ``BADEVENT``, ``NOTIFICATIONOVERFLOW`` or a temporary one; then the one before goes on.
    """
    arguments.space()
    wanted = wishes(arguments)
    arguments.end()
    if wanted is not None and wanted.unknown:
        raise MailframeError(BAD_EVENT)
    # NONE is less than no NOTIFY at all: the client does not hear of flags that others change, even when it asks
    # (RFC 5465 section 3.1).
    following = Notify(session, wanted or Wishes(False, ()))
    try:
        await following.begin()
    except BaseException:
        following.stop()
        if session.notify is not None:
            session.notify.selected()
        raise
    if session.notify is not None:
        session.notify.stop()
    session.notify = following
    following.selected()
    return Reply("NOTIFY completed")

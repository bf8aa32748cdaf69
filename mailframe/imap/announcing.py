"""Telling a client what happened in the selected mailbox (RFC 3501 section 7, RFC 5465 section 5.2)."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from twisted.logger import Logger

from mailframe.message.status import NO_SUCH_MAILBOX, MailframeError

from .commands.fetch import fetch_new

if TYPE_CHECKING:
    from .session import Session

log = Logger()


async def announce(session: Session, *, expunges: bool, look: bool) -> None:
    """See `mailframe.imap.session.Session.announce`."""
    selected = session.selected
    if selected is None:
        return
    wanted = session.notify.wanted_of_new() if session.notify is not None else None
    known = selected.view.uidnext
    try:
        await selected.announce(expunges=expunges, look=look)
        if wanted is not None and selected.view.uidnext > known:
            uids = selected.view.uids
            await fetch_new(session, wanted.attributes, uids[bisect_left(uids, known) :])
    except MailframeError as error:
        if error.status.word == NO_SUCH_MAILBOX.word:
            session.bye("The selected mailbox was deleted", "UNAVAILABLE")
            return
        log.warn(
            "session {session_id} cannot tell changes: {reason}",
            session_id=session.session_id,
            reason=error.reason,
        )

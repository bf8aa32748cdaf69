"""Telling a client what happened in the selected mailbox (RFC 3501 section 7, RFC 5465 section 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twisted.logger import Logger

from mailframe.message.status import NO_SUCH_MAILBOX, MailframeError

from .commands.fetch import fetch_new

if TYPE_CHECKING:
    from .session import Session
    from .wire.fetching import Attribute

log = Logger()


async def announce(session: Session, *, expunges: bool, look: bool) -> None:
    """See `mailframe.imap.session.Session.announce`."""
    selected = session.selected
    if selected is None:
        return
    wanted = session.notify.wanted_of_new() if session.notify is not None else None
    notified = wanted.attributes if wanted is not None else ()

    async def tell_new(uids: Sequence[int]) -> None:
        alike: dict[tuple[Attribute, ...], list[int]] = {}
        for uid in uids:
            attributes = tuple(dict.fromkeys((*notified, *selected.contexts.attributes_of(uid))))
            alike.setdefault(attributes, []).append(uid)
        for attributes, some in alike.items():
            if attributes:
                await fetch_new(session, attributes, some)

    try:
        await selected.announce(expunges=expunges, look=look, tell_new=tell_new)
    except MailframeError as error:
        if error.status.word == NO_SUCH_MAILBOX.word:
            session.bye("The selected mailbox was deleted", "UNAVAILABLE")
            return
        log.warn(
            "session {session_id} cannot tell changes: {reason}",
            session_id=session.session_id,
            reason=error.reason,
        )

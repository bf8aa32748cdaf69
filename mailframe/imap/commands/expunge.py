"""EXPUNGE and UID EXPUNGE (RFC 3501 section 6.4.3, RFC 4315 section 2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.responses import status_line
from mailframe.imap.wire.sequences import sequence_set
from mailframe.store.search_keys import HasFlag
from mailframe.store.values import DELETED

from .message_limit import newest

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def expunge(session: Session, arguments: Parser) -> Reply:
    """EXPUNGE: remove every message that has ``\\Deleted``; the end of the command announces them."""
    arguments.end()
    session.mailbox.check_writable()
    limited = None
    if session.settings.message_limit:
        found = await session.mailbox.mailbox.search(HasFlag(DELETED))
        uids, limited = newest(session, found.uids)
        if uids:
            await session.mailbox.mailbox.expunge(uids)
    else:
        await session.mailbox.mailbox.expunge()
    return await _expunged(session, "EXPUNGE completed", limited)


async def uid_expunge(session: Session, arguments: Parser) -> Reply:
    """UID EXPUNGE: the same among some UIDs."""
    arguments.space()
    wanted = sequence_set(arguments)
    arguments.end()
    session.mailbox.check_writable()
    uids, limited = newest(session, session.mailbox.messages(wanted, by_uid=True))
    if uids:
        await session.mailbox.mailbox.expunge(uids)
    return await _expunged(session, "UID EXPUNGE completed", limited)


async def _expunged(session: Session, text: str, limited: str | None) -> Reply:
    """Announce it now, where the tagged OK is to tell the state after it (RFC 7162 section 3.2.7)."""
    session.mailbox.changed()
    if not session.enabled.qresync:
        return Reply(text, limited)
    if limited is not None:
        # There is one response code a response.
        session.write(status_line(b"OK", "Some messages were left out", limited))
    await session.announce(expunges=True)
    modseq = session.selected.view.modseq if session.selected is not None else 0
    return Reply(text, f"HIGHESTMODSEQ {modseq}" if modseq else None)

"""EXPUNGE and UID EXPUNGE (RFC 3501 section 6.4.3, RFC 4315 section 2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.sequences import sequence_set

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def expunge(session: Session, arguments: Parser) -> Reply:
    """EXPUNGE: remove every message that has ``\\Deleted``; the end of the command announces them."""
    arguments.end()
    session.mailbox.check_writable()
    await session.mailbox.mailbox.expunge()
    return await _expunged(session, "EXPUNGE completed")


async def uid_expunge(session: Session, arguments: Parser) -> Reply:
    """UID EXPUNGE: the same among some UIDs."""
    arguments.space()
    wanted = sequence_set(arguments)
    arguments.end()
    session.mailbox.check_writable()
    uids = session.mailbox.messages(wanted, by_uid=True)
    if uids:
        await session.mailbox.mailbox.expunge(uids)
    return await _expunged(session, "UID EXPUNGE completed")


async def _expunged(session: Session, text: str) -> Reply:
    """Announce it now, where the tagged OK is to tell the state after it (RFC 7162 section 3.2.7)."""
    session.mailbox.changed()
    if not session.enabled.qresync:
        return Reply(text)
    await session.announce(expunges=True)
    modseq = session.selected.view.modseq if session.selected is not None else 0
    return Reply(text, f"HIGHESTMODSEQ {modseq}" if modseq else None)

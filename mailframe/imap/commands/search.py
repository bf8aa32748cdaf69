"""SEARCH and UID SEARCH (RFC 3501 section 6.4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.progress import Progress
from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.searching import search_program

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def search(session: Session, arguments: Parser) -> Reply:
    """SEARCH: answers message sequence numbers."""
    return await _search(session, arguments, by_uid=False)


async def uid_search(session: Session, arguments: Parser) -> Reply:
    """UID SEARCH: answers UIDs."""
    return await _search(session, arguments, by_uid=True)


async def _search(session: Session, arguments: Parser, *, by_uid: bool) -> Reply:
    arguments.space()
    selected = session.mailbox
    key = search_program(arguments, selected)
    result = await Progress(session, "Searching").wait(selected.mailbox.search(key))
    # What the session was not told of yet has no number, and its UID would be a riddle.
    pairs = ((selected.view.number(uid), uid) for uid in result.uids)
    found = [uid if by_uid else number for number, uid in pairs if number is not None]
    session.write(b"* SEARCH%b\r\n" % b"".join([b" %d" % number for number in found]))
    return Reply("SEARCH completed")

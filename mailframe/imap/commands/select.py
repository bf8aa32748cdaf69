"""SELECT, EXAMINE, CLOSE, UNSELECT (RFC 3501 sections 6.3.1, 6.3.2, 6.4.2; RFC 3691)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.selected import Selected
from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import mailbox
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.responses import status_line
from mailframe.message.status import MailframeError
from mailframe.store.refusals import NOPERM
from mailframe.store.values import Snapshot

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def select(session: Session, arguments: Parser) -> Reply:
    """SELECT: open a mailbox for reading and writing."""
    return await _open(session, arguments, read_only=False)


async def examine(session: Session, arguments: Parser) -> Reply:
    """EXAMINE: open a mailbox for reading only."""
    return await _open(session, arguments, read_only=True)


async def close(session: Session, arguments: Parser) -> Reply:
    """CLOSE: expunge without a word, and select none; without the right to expunge that is all (RFC 4314)."""
    arguments.end()
    if not session.mailbox.read_only:
        try:
            await session.mailbox.mailbox.expunge()
        except MailframeError as error:
            if error.status.word != NOPERM.word:
                raise
    session.deselect()
    return Reply("CLOSE completed")


async def unselect(session: Session, arguments: Parser) -> Reply:
    """UNSELECT: select none, and expunge nothing."""
    arguments.end()
    session.deselect()
    return Reply("UNSELECT completed")


async def _open(session: Session, arguments: Parser, *, read_only: bool) -> Reply:
    arguments.space()
    name = mailbox(arguments)
    arguments.end()
    # Also when this fails, no mailbox is selected any more (RFC 3501 section 6.3.1).
    session.deselect()
    opened = await session.mailboxes.open(name, read_only)
    # Listening begins before the snapshot is taken, so that nothing falls between the two.
    selected = Selected(opened, session.write, session.clock, session.settings.poll_interval)
    try:
        snapshot = await opened.snapshot()
    except BaseException:
        selected.close()
        raise
    selected.begin(snapshot)
    session.select(selected)
    _describe(session, selected, snapshot)
    word = "READ-ONLY" if selected.read_only else "READ-WRITE"
    return Reply("EXAMINE completed" if read_only else "SELECT completed", word)


def _describe(session: Session, selected: Selected, snapshot: Snapshot) -> None:
    selected.write_flags()
    view = selected.view
    session.write(b"* %d EXISTS\r\n* %d RECENT\r\n" % (len(view), view.recent_count))
    if snapshot.first_unseen is not None:
        number = view.number(snapshot.first_unseen)
        session.write(status_line(b"OK", "First unseen message", f"UNSEEN {number}"))
    uidvalidity = selected.mailbox.uidvalidity
    session.write(status_line(b"OK", "UIDs are valid for this", f"UIDVALIDITY {uidvalidity}"))
    session.write(status_line(b"OK", "Predicted next UID", f"UIDNEXT {snapshot.uidnext}"))
    session.write(
        status_line(b"OK", "Its name that never changes", f"MAILBOXID ({selected.mailbox.mailbox_id})")
    )

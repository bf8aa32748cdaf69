"""COPY, MOVE and their UID forms (RFC 3501 section 6.4.7, RFC 4315 section 3, RFC 6851)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.progress import Progress
from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import mailbox
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.responses import status_line
from mailframe.imap.wire.sequences import render_set, sequence_set
from mailframe.store.values import Copied

from .message_limit import check

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def copy(session: Session, arguments: Parser) -> Reply:
    """COPY by message sequence number."""
    return await _copy(session, arguments, by_uid=False)


async def uid_copy(session: Session, arguments: Parser) -> Reply:
    """COPY by UID."""
    return await _copy(session, arguments, by_uid=True)


async def move(session: Session, arguments: Parser) -> Reply:
    """MOVE by message sequence number."""
    return await _move(session, arguments, by_uid=False)


async def uid_move(session: Session, arguments: Parser) -> Reply:
    """MOVE by UID."""
    return await _move(session, arguments, by_uid=True)


async def _copy(session: Session, arguments: Parser, *, by_uid: bool) -> Reply:
    uids, target = _arguments(session, arguments, by_uid)
    progress = Progress(session, "Copying")
    copied = await progress.wait(session.mailbox.mailbox.copy(uids, target)) if uids else None
    if copied is None or not copied.source:
        return Reply("COPY completed: there was nothing to copy")
    return Reply("COPY completed", _word(copied))


async def _move(session: Session, arguments: Parser, *, by_uid: bool) -> Reply:
    uids, target = _arguments(session, arguments, by_uid)
    session.mailbox.check_writable()
    progress = Progress(session, "Moving")
    moved = await progress.wait(session.mailbox.mailbox.move(uids, target)) if uids else None
    if moved is None or not moved.source:
        return Reply("MOVE completed: there was nothing to move")
    # Where they went is told before they are expunged here (RFC 6851 section 4.3); the end of the command does that.
    session.write(status_line(b"OK", "Moved", _word(moved)))
    session.mailbox.changed()
    return Reply("MOVE completed")


def _arguments(session: Session, arguments: Parser, by_uid: bool) -> tuple[list[int], str]:
    arguments.space()
    wanted = sequence_set(arguments)
    arguments.space()
    target = mailbox(arguments)
    arguments.end()
    uids = list(session.mailbox.messages(wanted, by_uid))
    check(session, len(uids))
    return uids, target


def _word(copied: Copied) -> str:
    source, target = render_set(copied.source), render_set(copied.target)
    return f"COPYUID {copied.uidvalidity} {source.decode('ascii')} {target.decode('ascii')}"

"""CREATE, DELETE, RENAME (RFC 3501 sections 6.3.3 to 6.3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import mailbox
from mailframe.imap.wire.parser import Parser
from mailframe.message.status import NO_SUCH_MAILBOX, MailframeError

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def create(session: Session, arguments: Parser) -> Reply:
    """CREATE: make a mailbox and its missing superiors."""
    name = _name(arguments)
    arguments.end()
    await session.mailboxes.create(name)
    return Reply("CREATE completed")


async def delete(session: Session, arguments: Parser) -> Reply:
    """DELETE: remove a mailbox; its inferiors stay. If it was the selected one, none is selected now."""
    name = _name(arguments)
    arguments.end()
    await session.mailboxes.delete(name)
    await _let_go(session)
    return Reply("DELETE completed")


async def rename(session: Session, arguments: Parser) -> Reply:
    """RENAME: rename a mailbox with its inferiors; of INBOX only its messages."""
    name = _name(arguments)
    new_name = _name(arguments)
    arguments.end()
    await session.mailboxes.rename(name, new_name)
    return Reply("RENAME completed")


async def _let_go(session: Session) -> None:
    # Other sessions that had it selected are told BYE. The one that deleted it knows, and its program
    # (Python's imaplib, for one) would take BYE before the tagged OK for a failure of the command.
    if session.selected is None:
        return
    try:
        await session.selected.announce(expunges=True, look=True)
    except MailframeError as error:
        if error.status.word == NO_SUCH_MAILBOX.word:
            session.deselect()


def _name(arguments: Parser) -> str:
    arguments.space()
    return mailbox(arguments)
